import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkApiServer, checkDefinition } from '../../src/doctor/check-cluster.ts';
import type { Answer } from '../../src/doctor/live-cluster.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { parseManifests } from '../../src/wire/manifests.ts';

const absent = { kind: 'absent' } as const;
const unreadable = { kind: 'unreadable', problem: 'forbidden', isForbidden: true } as const;

function found(value: JsonObject): Answer<JsonObject> {
  return { kind: 'found', value };
}

function definitionIn(file: string): JsonObject {
  const path = new URL(`../../${file}`, import.meta.url);
  const [definition] = parseManifests(file, readFileSync(path, 'utf8'));
  if (definition === undefined) throw new Error(`${file} is empty`);
  return definition.value;
}

describe('the API server', () => {
  it.each<[string, Answer<JsonObject>, string, RegExp]>([
    [
      '1.20',
      found({ major: '1', minor: '20', gitVersion: 'v1.20.2' }),
      'ok',
      /^Kubernetes v1\.20\.2 at https:\/\/api$/,
    ],
    ['a release of a vendor', found({ major: '1', minor: '32+', gitVersion: 'v1.32.1-aliyun.1' }), 'ok', /aliyun/],
    ['1.19', found({ major: '1', minor: '19', gitVersion: 'v1.19.0' }), 'failed', /older than 1\.20/],
    ['something without a version', found({}), 'warning', /does not say/],
    ['something else', absent, 'failed', /no API server/],
    [
      'nobody',
      { kind: 'unreadable', problem: 'nothing listens there', isForbidden: false },
      'failed',
      /nothing listens/,
    ],
  ])('%s', (_title, version, result, sentence) => {
    const check = checkApiServer('https://api', version);
    expect(check.found).toMatch(sentence);
    expect(check.result).toBe(result);
  });
});

describe('the CRD', () => {
  const resources = (...names: string[]) => found({ resources: names.map((name) => ({ name, namespaced: false })) });
  const served = resources('imagecaches', 'imagecaches/status');

  it.each<{ title: string; version: Answer<JsonObject>; group?: Answer<JsonObject>; result: string; says: RegExp }>([
    { title: 'served', version: served, result: 'ok', says: /serves v1 with status/ },
    { title: 'missing', version: absent, result: 'failed', says: /there is no CRD/ },
    {
      title: 'served in another version only',
      version: absent,
      group: found({ versions: [{ version: 'v1beta1' }] }),
      result: 'failed',
      says: /serves v1beta1, but no imagecaches in v1/,
    },
    { title: 'without status', version: resources('imagecaches'), result: 'warning', says: /no subresource status/ },
    {
      title: 'of namespaces',
      version: found({ resources: [{ name: 'imagecaches', namespaced: true }] }),
      result: 'failed',
      says: /belong to namespaces/,
    },
    { title: 'not to be seen', version: unreadable, result: 'skipped', says: /forbidden/ },
  ])('$title: $result', ({ version, group = absent, result, says }) => {
    const check = checkDefinition({ version, group, definition: absent });
    expect(check.found).toMatch(says);
    expect(check.result).toBe(result);
    expect(check.remedy === '').toBe(result === 'ok' || result === 'skipped');
  });

  it.each([
    ['ours', 'charts/eci-imagecache-webhook/crds/imagecaches.yaml', /keeps status\.images/],
    ['the vendor’s', 'test/e2e/manifests/vendor-crd.yaml', /prunes status\.images.*annotation imc-webhook\/images/],
  ])('%s: where recorded images live', (_title, file, says) => {
    const check = checkDefinition({ version: served, group: absent, definition: found(definitionIn(file)) });
    expect(check.result).toBe('ok');
    expect(check.found).toMatch(says);
  });
});
