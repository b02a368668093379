import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issueServingCertificate } from '../../src/certs/self-signed-authority.ts';
import type { Check, CheckName } from '../../src/doctor/check.ts';
import { examine } from '../../src/doctor/doctor.ts';
import type { Answer, DryRun, LiveCluster, ObjectAddress } from '../../src/doctor/live-cluster.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { aConfiguration, aDeployment, NAME, NAMESPACE } from './installed.ts';

const HOST = `${NAME}.${NAMESPACE}.svc`;

let ca: string;
let served: string;
let kept: { certPem: string; keyPem: string };

beforeAll(async () => {
  const authority = await createAuthority(Date.now());
  ca = authority.certPem;
  served = (await issueServingCertificate(authority, [HOST], Date.now())).certPem;
  kept = await issueServingCertificate(authority, [HOST], Date.now());
});

/** A cluster that knows one installation and nothing else; parts of it are as a test wants them. */
function aCluster(parts: Partial<LiveCluster> = {}): LiveCluster {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const service = { namespace: NAMESPACE, name: NAME, path: '/mutate', port: 443 };
  const lists: Readonly<Record<string, JsonObject[]>> = {
    deployments: [aDeployment({ secret: 'pair' })],
    mutatingwebhookconfigurations: [aConfiguration({ clientConfig: { service, caBundle: base64(ca) } })],
    pods: [aPod('p-1'), aPod('p-2', { deletionTimestamp: '2026-01-01T00:00:00Z' })],
  };
  const secret = { data: { 'tls.crt': base64(kept.certPem), 'tls.key': base64(kept.keyPem) } };
  return {
    server: 'https://api',
    isInside: false,
    get: async (address): Promise<Answer<JsonObject>> => {
      if (address === '/version') return { kind: 'found', value: { major: '1', minor: '30', gitVersion: 'v1.30.0' } };
      return typeof address !== 'string' && address.resource === 'secrets'
        ? { kind: 'found', value: secret }
        : { kind: 'absent' };
    },
    list: async ({ resource }: ObjectAddress): Promise<Answer<readonly JsonObject[]>> => {
      const value = lists[resource];
      return value === undefined ? { kind: 'absent' } : { kind: 'found', value };
    },
    text: async () => ({ kind: 'absent' }),
    ask: async () => ({ kind: 'absent' }),
    dryRun: async (): Promise<DryRun> => ({ kind: 'created', pod: {} }),
    certificates: async () => ({ kind: 'unreadable', problem: `${HOST}:443: no such host`, isForbidden: false }),
    ...parts,
  };
}

function aPod(name: string, metadata: JsonObject = {}): JsonObject {
  return { metadata: { name, ...metadata }, status: { conditions: [{ type: 'Ready', status: 'True' }] } };
}

async function checked(name: CheckName, cluster: LiveCluster): Promise<Check | undefined> {
  const { checks } = await examine(cluster, {
    namespace: undefined,
    release: undefined,
    webhookConfiguration: undefined,
    probeNamespace: 'default',
    version: '0.1.0',
    nowMs: Date.now(),
    elapsedMs: () => 0,
  });
  return checks.find((check) => check.name === name);
}

describe('the served certificate', () => {
  it('in a pod of the cluster is what the Service sends', async () => {
    const asked: string[] = [];
    const cluster = aCluster({
      isInside: true,
      certificates: async (host, port) => {
        asked.push(`${host}:${port}`);
        return { kind: 'found', value: [new X509Certificate(served)] };
      },
    });
    expect(await checked('certificate', cluster)).toMatchObject({
      result: 'ok',
      found: expect.stringContaining(`${HOST}:443 for ${HOST}`),
    });
    expect(asked).toEqual([`${HOST}:443`]);
  });

  it.each([
    ['elsewhere', false],
    ['where the Service cannot be reached', true],
  ])('%s is what the Secret holds', async (_title, isInside) => {
    const check = await checked('certificate', aCluster({ isInside }));
    expect(check).toMatchObject({ result: 'ok', found: expect.stringMatching(/^Secret imc-system\/pair for/) });
  });
});

describe('a pod that comes back unchanged', () => {
  it('makes one replica be asked past the registration, one that is not on its way out', async () => {
    const asked: string[] = [];
    const cluster = aCluster({
      ask: async (path, question): Promise<Answer<JsonObject>> => {
        if (!path.includes('/proxy/')) return { kind: 'absent' };
        asked.push(path);
        expect(question).toMatchObject({ kind: 'AdmissionReview', request: { dryRun: true, namespace: 'default' } });
        return { kind: 'found', value: { response: { auditAnnotations: { outcome: 'NoMatch' } } } };
      },
    });
    expect(await checked('probe', cluster)).toMatchObject({
      result: 'failed',
      found: expect.stringContaining('p-1 decides NoMatch when asked past the registration'),
    });
    expect(asked).toEqual([`/api/v1/namespaces/${NAMESPACE}/pods/https:p-1:8443/proxy/mutate`]);
  });

  it('is tried once, and a stamped one several times', async () => {
    const tries = async (annotations: JsonObject): Promise<number> => {
      let count = 0;
      const dryRun = async (pod: JsonObject): Promise<DryRun> => {
        if (!JSON.stringify(pod).includes('imc-webhook/ignore')) count += 1;
        return { kind: 'created', pod: { metadata: { annotations } } };
      };
      await checked('probe', aCluster({ dryRun }));
      return count;
    };
    expect(await tries({})).toBe(1);
    expect(await tries({ 'imc-webhook/decision': '{"outcome":"NoMatch"}' })).toBe(5);
  });
});

describe('metrics of replicas that differ', () => {
  const page = (caches: number): string =>
    `imc_objects{resource="imagecaches"} ${caches}\nimc_profile_valid 1\nimc_build_info{version="0.1.0"} 1\n`;
  const two = async ({ resource }: ObjectAddress): Promise<Answer<readonly JsonObject[]>> => {
    if (resource === 'pods') return { kind: 'found', value: [aPod('p-1'), aPod('p-2')] };
    return resource === 'deployments' ? { kind: 'found', value: [aDeployment()] } : { kind: 'absent' };
  };

  it('are read again, since news may be on its way', async () => {
    let readings = 0;
    const text = async (path: string): Promise<Answer<string>> => {
      readings += 1;
      return { kind: 'found', value: page(path.includes('p-2') && readings <= 2 ? 3 : 4) };
    };
    expect(await checked('agreement', aCluster({ list: two, text }))).toMatchObject({ result: 'ok' });
    expect(readings).toBe(4);
  });

  it('are told when they stay so', async () => {
    const text = async (path: string): Promise<Answer<string>> => ({
      kind: 'found',
      value: page(path.includes('p-2') ? 3 : 4),
    });
    expect(await checked('agreement', aCluster({ list: two, text }))).toMatchObject({
      result: 'warning',
      found: expect.stringContaining('p-1 holds 4 imagecaches, p-2 3'),
    });
  });
});
