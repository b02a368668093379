import { describe, expect, it } from 'vitest';
import type { Check } from '../../src/doctor/check.ts';
import { checkAgreement, differencesBetween, replicaViewOf } from '../../src/doctor/check-agreement.ts';
import {
  checkController,
  checkDisruptionBudget,
  checkReplicas,
  checkService,
} from '../../src/doctor/check-availability.ts';
import { type Installation, installationsAmong } from '../../src/doctor/installation.ts';
import type { Answer } from '../../src/doctor/live-cluster.ts';
import { entriesOf } from '../../src/doctor/webhook-entry.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { aConfiguration, aDeployment } from './installed.ts';

function installed(...deployments: JsonObject[]): Installation {
  const [installation] = installationsAmong(deployments.length === 0 ? [aDeployment()] : deployments);
  if (installation === undefined) throw new Error('not read');
  return installation;
}

function expectCheck(check: Check, result: Check['result'], found: RegExp): void {
  expect(check.found).toMatch(found);
  expect(check.result).toBe(result);
}

const found = <Value>(value: Value): Answer<Value> => ({ kind: 'found', value });
const ABSENT = { kind: 'absent' } as const;

describe('the Service', () => {
  const service = found<JsonObject>({ spec: { ports: [{ port: 443 }] } });
  const slices = (...ready: (boolean | undefined)[]) =>
    found<JsonObject[]>([
      { endpoints: ready.map((each) => ({ conditions: each === undefined ? {} : { ready: each } })) },
    ]);

  it.each<[string, Answer<JsonObject>, Answer<JsonObject[]>, Check['result'], RegExp]>([
    ['leads to two replicas', service, slices(true, true), 'ok', /2 ready endpoints$/],
    ['leads to one whose readiness is not told, which counts', service, slices(undefined), 'ok', /1 ready endpoint$/],
    [
      'leads to some that are not ready',
      service,
      slices(false, false),
      'failed',
      /no ready endpoint \(2 are not ready\)/,
    ],
    ['leads nowhere', service, found([]), 'failed', /no pod is behind it/],
    ['is gone', ABSENT, slices(true), 'failed', /there is no Service/],
    [
      'has another port',
      found({ spec: { ports: [{ port: 8443 }] } }),
      slices(true),
      'failed',
      /port 443 is called.*has 8443/,
    ],
    ['cannot be looked behind', service, ABSENT, 'skipped', /endpoints/],
  ])('%s', (_title, answer, endpoints, result, sentence) => {
    expectCheck(checkService(installed(), answer, endpoints, entriesOf([aConfiguration()])), result, sentence);
  });
});

describe('replicas', () => {
  it.each<[number, number, Check['result'], RegExp]>([
    [2, 2, 'ok', /^2 of 2/],
    [2, 1, 'warning', /^1 of 2/],
    [1, 1, 'warning', /has 1 replica:/],
    [0, 0, 'warning', /has 0 replicas/],
  ])('%i wanted, %i available', (replicas, available, result, sentence) => {
    expectCheck(checkReplicas(installed(aDeployment({ replicas, available }))), result, sentence);
  });
});

describe('the PodDisruptionBudget', () => {
  const budget = (labels: JsonObject) =>
    found<JsonObject[]>([
      { metadata: { name: 'b' }, spec: { selector: { matchLabels: labels } }, status: { disruptionsAllowed: 1 } },
    ]);
  const own = { 'app.kubernetes.io/instance': 'imc' };

  it('is for the replicas', () => {
    expectCheck(checkDisruptionBudget(installed(), budget(own)), 'ok', /^b allows 1 disruption now$/);
  });

  it('of another program is none', () => {
    expectCheck(checkDisruptionBudget(installed(), budget({ app: 'web' })), 'warning', /no PodDisruptionBudget/);
  });

  it('is not missed for a single replica', () => {
    expectCheck(checkDisruptionBudget(installed(aDeployment({ replicas: 1 })), found([])), 'ok', /^none/);
  });
});

describe('the controller', () => {
  const nowMs = Date.parse('2026-06-01T00:00:00Z');
  const lease = (spec: JsonObject) => found<JsonObject>({ spec: { leaseDurationSeconds: 15, ...spec } });
  const both = installed(aDeployment(), aDeployment({ component: 'controller' }));

  it.each<[string, Installation, Answer<JsonObject>, Check['result'], RegExp]>([
    ['leads', both, lease({ holderIdentity: 'c-1', renewTime: '2026-05-31T23:59:58.000000Z' }), 'ok', /c-1 leads$/],
    ['is switched off', installed(), ABSENT, 'ok', /^switched off/],
    [
      'does not run',
      installed(aDeployment(), aDeployment({ component: 'controller', available: 0 })),
      ABSENT,
      'failed',
      /no replica of .* is available/,
    ],
    ['does not lead', both, lease({}), 'failed', /nobody holds the Lease/],
    ['has no Lease', both, ABSENT, 'failed', /nobody holds the Lease/],
    [
      'led until long ago',
      both,
      lease({ holderIdentity: 'c-1', renewTime: '2026-05-31T23:00:00.000000Z' }),
      'failed',
      /renewed it last 2026-05-31T23:00:00/,
    ],
    [
      'leads by a time that is none',
      both,
      lease({ holderIdentity: 'c-1', renewTime: 'soon' }),
      'failed',
      /renewed it never/,
    ],
  ])('%s', (_title, installation, answer, result, sentence) => {
    expectCheck(checkController(installation, answer, nowMs), result, sentence);
  });
});

describe('replicas agree', () => {
  const metrics = ({ caches = 3, version = '0.1.0', age = 1, valid = 1 } = {}): string =>
    [
      '# HELP imc_objects Objects held.',
      `imc_objects{resource="imagecaches"} ${caches}`,
      'imc_objects{resource="namespaces"} 5',
      `imc_snapshot_age_seconds{resource="imagecaches"} ${age}`,
      `imc_profile_valid ${valid}`,
      `imc_build_info{version="${version}",node="24.0.0"} 1`,
      '',
    ].join('\n');
  const pages = (...texts: string[]) => texts.map((text, i) => ({ pod: `p-${i}`, metrics: found(text) }));

  it.each<[string, string[], Check['result'], RegExp]>([
    [
      'when they do',
      [metrics(), metrics()],
      'ok',
      /^2 replicas all hold 3 imagecaches, 5 namespaces, version 0\.1\.0$/,
    ],
    ['when there is one', [metrics()], 'ok', /^the one replica/],
    ['unless one holds more', [metrics(), metrics({ caches: 4 })], 'warning', /p-0 holds 3 imagecaches, p-1 4/],
    [
      'unless one is of another version',
      [metrics(), metrics({ version: '0.2.0' })],
      'warning',
      /p-0 runs 0\.1\.0, p-1 0\.2\.0/,
    ],
    ['unless one cannot use the profile', [metrics(), metrics({ valid: 0 })], 'warning', /only one of p-0 and p-1/],
    [
      'and both are cut off',
      [metrics({ age: 900 }), metrics()],
      'warning',
      /p-0 has heard nothing of the cluster for 900 s/,
    ],
    ['unless that is no page of ours', ['<html>'], 'skipped', /no metrics of this program/],
    ['unless none is ready', [], 'skipped', /no replica is ready/],
  ])('%s', (_title, texts, result, sentence) => {
    expectCheck(checkAgreement(installed(), pages(...texts)), result, sentence);
  });

  it('is not known where the caller may not look', () => {
    const page = { pod: 'p', metrics: { kind: 'unreadable', problem: 'forbidden', isForbidden: true } } as const;
    expectCheck(checkAgreement(installed(), [page]), 'skipped', /p cannot be read through the API server: forbidden/);
  });

  it('every difference is told once', () => {
    const views = [metrics(), metrics({ caches: 4, version: '1' })].map((text, i) => replicaViewOf(`p-${i}`, text));
    expect(differencesBetween(views.filter((view) => view !== undefined))).toHaveLength(2);
  });
});
