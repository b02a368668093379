import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { until } from '../certs/until.ts';
import { ReviewPoster } from './https-client.ts';
import type { RunningApplication } from './running-application.ts';
import { anApplication, startApplication } from './running-application.ts';
import { temporaryFolder, writeIn } from './temporary-folder.ts';

const CACHE = `apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata: {name: nginx}
spec: {images: [nginx:1.27.0]}
status: {phase: Ready, imageCacheId: imc-nginx}
`;

const REVIEW = JSON.stringify({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'a-uid',
    resource: { group: '', version: 'v1', resource: 'pods' },
    namespace: 'web',
    operation: 'CREATE',
    object: { metadata: { labels: { eci: 'true' } }, spec: { containers: [{ name: 'a', image: 'nginx:1.27.0' }] } },
  },
});

async function started(...inputs: Parameters<typeof startApplication>): Promise<RunningApplication> {
  const application = await startApplication(...inputs);
  onTestFinished(() => application.stop());
  return application;
}

async function outcomeFrom({ server, ca }: Pick<RunningApplication, 'server' | 'ca'>): Promise<string> {
  const poster = new ReviewPoster(server, ca);
  onTestFinished(() => poster.close());
  const { text } = await poster.post(REVIEW);
  const { response } = JSON.parse(text) as { response: { auditAnnotations: { outcome: string } } }; // always audited
  return response.auditAnnotations.outcome;
}

describe('the application', () => {
  it('answers reviews, probes and scrapes as soon as it has started (spec S2, S8)', async () => {
    const { operations, ...application } = await started({ dir: temporaryFolder({ 'cache.yaml': CACHE }) });
    expect(await outcomeFrom(application)).toBe('CompleteMatch');
    expect(await (await fetch(`${operations}/livez`)).text()).toBe('ok\n');
    expect(await (await fetch(`${operations}/readyz`)).text()).toBe('ok\n');
    const metrics = await (await fetch(`${operations}/metrics`)).text();
    expect(metrics).toContain('imc_reviews_total{outcome="CompleteMatch"} 1\n');
    expect(metrics).toContain('imc_objects{resource="imagecaches"} 1\n');
    expect(metrics).toContain('imc_profile_valid 1\n');
    expect(metrics).toMatch(/^imc_snapshot_age_seconds\{resource="imagecaches"\} [\d.e-]+$/m);
    expect(metrics).toMatch(/^imc_certificate_expiry_timestamp_seconds \d{10}(\.\d+)?$/m);
  });

  it('asks for its settings at every review (spec M12)', async () => {
    let mode: 'enforce' | 'off' = 'enforce';
    const dir = temporaryFolder({ 'cache.yaml': CACHE });
    const application = await started({ dir, decision: () => ({ ...DEFAULT_SETTINGS, mode }) });
    expect(await outcomeFrom(application)).toBe('CompleteMatch');
    mode = 'off';
    expect(await outcomeFrom(application)).toBe('Skipped');
  });

  it('leaves the pods of its own namespace alone (spec G3)', async () => {
    expect(await outcomeFrom(await started({ dir: temporaryFolder(), ownNamespace: 'web' }))).toBe('Skipped');
  });

  it('follows the folder (spec section 8, files source)', async () => {
    const dir = temporaryFolder();
    const application = await started({ dir });
    expect(await outcomeFrom(application)).toBe('NoMatch');
    writeIn(dir, 'below/cache.yaml', CACHE);
    await until(async () => (await outcomeFrom(application)) === 'CompleteMatch');
  });

  it('shows a broken eci-profile in the metrics and in the readiness details, and stays ready (spec P6, S2, S8)', async () => {
    const profile = (selectors: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: eci-profile, namespace: kube-system}\ndata: {selectors: '${selectors}'}\n`;
    const dir = temporaryFolder({ 'profile.yaml': profile('[{"name": "a"},]') });
    const { operations } = await started({ dir });
    const metrics = async (): Promise<string> => (await fetch(`${operations}/metrics`)).text();
    expect(await metrics()).toContain('imc_profile_valid 0\n');
    expect(await metrics()).toContain('imc_undecodable_total{resource="eci-profile"} 1\n');
    const readiness = await fetch(`${operations}/readyz?verbose`);
    expect(readiness.status).toBe(200);
    expect(await readiness.text()).toContain(`[!] ${join(dir, 'profile.yaml')}:4:`);
    writeIn(dir, 'profile.yaml', profile('[{"name": "a"}]'));
    await until(async () => (await metrics()).includes('imc_profile_valid 1\n'));
  });

  it('tells profile problems from other problems in the metrics (spec S8)', async () => {
    const { operations } = await started({ dir: temporaryFolder({ 'cache.yaml': 'kind: [' }) });
    expect(await (await fetch(`${operations}/metrics`)).text()).toContain('imc_profile_valid 1\n');
  });

  it('writes the CA for clients where it was told to, and nothing else', async () => {
    const { caFile, ca } = await started({ dir: temporaryFolder() });
    expect(await readFile(caFile, 'utf8')).toBe(ca);
    expect(ca.match(/-----BEGIN [A-Z ]+-----/g)).toEqual(['-----BEGIN CERTIFICATE-----']);
  });

  it('listens on every address when it is told to listen on ::', async () => {
    const { addresses, ca } = await started({ dir: temporaryFolder({ 'cache.yaml': CACHE }), serve: { host: '::' } });
    const server = `https://127.0.0.1:${addresses.admission.port}`;
    expect(await outcomeFrom({ server, ca })).toBe('CompleteMatch');
  });

  it('stops what it had started when its port is taken, and says which flag to change', async () => {
    const taken = createServer();
    onTestFinished(() => {
      taken.close();
    });
    const port = await new Promise<number>((resolve) => {
      taken.listen({ host: '127.0.0.1', port: 0 }, () => {
        const address = taken.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    await until(() => listening() === 1);
    const { application } = anApplication({ dir: temporaryFolder(), serve: { port } });
    await expect(application.start()).rejects.toThrow(`port ${port} on 127.0.0.1 is in use`);
    await until(() => listening() === 1);
  });

  it('stops what it had started when its folder is missing, and names the folder', async () => {
    const missing = join(temporaryFolder(), 'nowhere');
    await until(() => listening() === 0);
    const { application } = anApplication({ dir: missing });
    await expect(application.start()).rejects.toThrow(missing);
    await until(() => listening() === 0);
  });

  it('is not ready any more while it drains, answers on, and closes both ports (spec S3)', async () => {
    const { application, caFile } = anApplication({ dir: temporaryFolder({ 'cache.yaml': CACHE }) });
    const { admission, operations } = await application.start();
    const ca = await readFile(caFile, 'utf8');
    const server = `https://127.0.0.1:${admission.port}`;
    const stopped = application.stop(1);
    const readiness = await fetch(`http://127.0.0.1:${operations.port}/readyz`);
    expect(readiness.status).toBe(503);
    expect(await readiness.text()).toContain('[-] not draining: shutting down');
    expect(await outcomeFrom({ server, ca })).toBe('CompleteMatch');
    await stopped;
    await expect(outcomeFrom({ server, ca })).rejects.toThrow('ECONNREFUSED');
    await expect(fetch(`http://127.0.0.1:${operations.port}/readyz`)).rejects.toThrow('fetch failed');
  });

  it('can be stopped twice', async () => {
    const { application } = anApplication({ dir: temporaryFolder() });
    await application.start();
    await application.stop(0);
    await expect(application.stop(0)).resolves.toBeUndefined();
  });
});

/** How many sockets of this process listen; those of earlier tests may be about to close. */
function listening(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'TCPServerWrap').length;
}
