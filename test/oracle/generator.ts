/**
 * Random worlds and reviews out of a small universe of names, so that collisions are frequent. Everything follows from
 * the seed: the same seed gives the same objects on every machine.
 */

import type { ExpectedAnswer, OracleSettings, World } from './oracle.ts';

// ---------------------------------------------------------------------------------------------------------------------
// Chance

export interface Rng {
  /** The moment that times are made around, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** 0 <= x < 1. */
  next(): number;
  /** 0 <= x < below. */
  int(below: number): number;
  chance(probability: number): boolean;
  pick<T>(values: readonly T[]): T;
  /** Each value on its own with the given probability. */
  some<T>(values: readonly T[], probability: number): T[];
  shuffle<T>(values: readonly T[]): T[];
}

export function makeRng(seed: number, nowMs: number = generatorNow): Rng {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  const int = (below: number): number => Math.floor(next() * below);
  const chance = (probability: number): boolean => next() < probability;
  const pick = <T>(values: readonly T[]): T => {
    if (values.length === 0) throw new Error('nothing to pick from');
    return values[int(values.length)] as T;
  };
  const some = <T>(values: readonly T[], probability: number): T[] => values.filter(() => chance(probability));
  const shuffle = <T>(values: readonly T[]): T[] => {
    const rest = [...values];
    const result: T[] = [];
    while (rest.length > 0) result.push(...rest.splice(int(rest.length), 1));
    return result;
  };
  return { nowMs, next, int, chance, pick, some, shuffle };
}

/** One of several makers, by weight. */
function weighted<T>(rng: Rng, choices: readonly (readonly [number, () => T])[]): T {
  let left = rng.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, make] of choices) {
    left -= weight;
    if (left < 0) return make();
  }
  throw new Error('no choice left');
}

/** An object with own keys only, whatever the keys are (`__proto__` included). */
function objectFrom(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const members = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return JSON.parse(`{${members.join(',')}}`) as Record<string, unknown>;
}

function clone<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// ---------------------------------------------------------------------------------------------------------------------
// The universe

/** The moment the generated times lie around. */
export const generatorNow = Date.UTC(2026, 0, 15, 12, 0, 0);

const hour = 60 * 60 * 1000;

/** Repositories, each with its spellings; the first one is the normalised spelling. */
const repositories: readonly (readonly string[])[] = [
  ['docker.io/library/nginx', 'nginx', 'library/nginx', 'docker.io/nginx', 'index.docker.io/library/nginx'],
  ['docker.io/library/redis', 'redis', 'index.docker.io/redis', 'DOCKER.io/library/redis'],
  ['docker.io/acme/app', 'acme/app', 'index.docker.io/acme/app'],
  ['ghcr.io/acme/app', 'GHCR.io/acme/app'],
  ['ghcr.io/acme/tools/a__b-c.d'],
  ['localhost:5000/web'],
  ['localhost/web'],
  ['registry.example.com:8443/team/web', 'Registry.Example.com:8443/team/web'],
  ['registry.cn-hangzhou.aliyuncs.com/acme/app'],
  ['registry-vpc.cn-hangzhou.aliyuncs.com/acme/app'],
  ['registry-internal.cn-hangzhou.aliyuncs.com/acme/app'],
  ['registry.cn-beijing.aliyuncs.com/acme/app'],
  ['acme-registry.cn-hangzhou.cr.aliyuncs.com/team/web'],
  ['acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com/team/web'],
];

const tags: readonly string[] = ['v1', 'v2', 'latest', 'main', 'V1_0.a-b'];

const digests: readonly string[] = [
  `sha256:${'a1'.repeat(32)}`,
  `sha256:${'b2'.repeat(32)}`,
  `sha512:${'c3'.repeat(64)}`,
];

const hex64 = 'd4'.repeat(32);

const invalidReferences: readonly string[] = [
  '',
  ' nginx',
  'nginx ',
  'nginx:',
  'nginx@',
  'nginx:v1:v2',
  'Nginx',
  'acme/App:v1',
  'a//b',
  '/nginx',
  'nginx/',
  'https://ghcr.io/acme/app',
  'nginx@sha256:abc',
  `nginx@sha256:${'A'.repeat(64)}`,
  `nginx@md5:${'a'.repeat(32)}`,
  `nginx@sha384:${'a'.repeat(96)}`,
  `nginx:v1@sha256:${'a'.repeat(63)}`,
  hex64,
  `${'x'.repeat(300)}:v1`,
  `nginx:${'t'.repeat(129)}`,
  'ghcr.io:port/acme/app',
  'n\nginx\u0000',
  '\u955c\u50cf/\u5e94\u7528',
  'a---.b',
  '__proto__',
];

function spell(rng: Rng, repository: readonly string[]): string {
  return rng.chance(0.4) ? (repository[0] ?? '') : rng.pick(repository);
}

function suffix(rng: Rng): string {
  return weighted(rng, [
    [5, () => `:${rng.pick(tags)}`],
    [1, () => ''],
    [1, () => `@${rng.pick(digests)}`],
    [1, () => `:${rng.pick(tags)}@${rng.pick(digests)}`],
  ]);
}

/** Few repositories for most references, so that pods and caches meet. */
export function randomReference(rng: Rng): string {
  return weighted(rng, [
    [12, () => spell(rng, rng.pick(repositories.slice(0, 5))) + suffix(rng)],
    [8, () => spell(rng, rng.pick(repositories)) + suffix(rng)],
    [1, () => rng.pick(invalidReferences)],
  ]);
}

/** The same reference in other letters: another spelling of the repository, `latest` written or not. */
function respell(rng: Rng, reference: string): string {
  for (const repository of rng.shuffle(repositories)) {
    const written = repository.toSorted((a, b) => b.length - a.length).find((name) => isSpelling(name, reference));
    if (written !== undefined) return spell(rng, repository) + respellLatest(rng, reference.slice(written.length));
  }
  return reference;
}

function isSpelling(name: string, reference: string): boolean {
  return reference.startsWith(name) && /^(?:[:@]|$)/.test(reference.slice(name.length)) && isSound(reference);
}

function isSound(reference: string): boolean {
  return !invalidReferences.includes(reference);
}

function respellLatest(rng: Rng, rest: string): string {
  return rest === '' || rest === ':latest' ? rng.pick(['', ':latest']) : rest;
}

const namespaceNames: readonly string[] = ['default', 'team-a', 'team-b', 'team-c', 'kube-system', 'imc-system'];

/** Never in the world: the watch has not delivered it. */
const ghostNamespace = 'ghost';

const ids: readonly string[] = Array.from({ length: 24 }, (_, index) => `imc-${index.toString(36).padStart(2, '0')}`);

const labelPairs: readonly (readonly [string, string])[] = [
  ['app', 'web'],
  ['app', 'db'],
  ['tier', 'a'],
  ['tier', ''],
  ['image-cache', 'true'],
  ['env', 'prod'],
  ['constructor', 'x'],
];

const phases: readonly string[] = [
  'Pending',
  'Preparing',
  'Creating',
  'Failed',
  'Updating',
  'UpdateFailed',
  'Deleting',
  'ready',
  '',
];

// ---------------------------------------------------------------------------------------------------------------------
// Times

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

/** One moment in one of the many spellings RFC 3339 allows. */
function spellTime(rng: Rng, ms: number): string {
  const offsetMinutes = rng.pick([0, 0, 0, 480, -330, 60]);
  const local = new Date(ms + offsetMinutes * 60_000).toISOString().slice(0, 19);
  const fraction = rng.pick(['', '', '', '.5', '.250', '.123456789']);
  const sign = offsetMinutes < 0 ? '-' : '+';
  const size = Math.abs(offsetMinutes);
  const offset = `${sign}${twoDigits(Math.floor(size / 60))}:${twoDigits(size % 60)}`;
  return local + fraction + (offsetMinutes === 0 ? rng.pick(['Z', 'Z', '+00:00', '-00:00']) : offset);
}

const unreadableTimes: readonly unknown[] = [
  '',
  'soon',
  '2030-01-01',
  '2030-02-30T00:00:00Z',
  '2030-13-01T00:00:00Z',
  '2030-01-01T25:00:00Z',
  '2030-01-01T00:00:00',
  '2030-01-01 00:00:00 +0000 UTC',
  'Tue, 01 Jan 2030 00:00:00 GMT',
  1893456000,
  null,
];

function randomExpiry(rng: Rng): unknown {
  return weighted<unknown>(rng, [
    [2, () => spellTime(rng, rng.nowMs - rng.pick([1000, hour, 48 * hour]))],
    [3, () => spellTime(rng, rng.nowMs + rng.pick([1000, hour, 3 * hour]))],
    [1, () => spellTime(rng, rng.nowMs + rng.pick([0, 4 * hour]) + rng.pick([-1000, 0, 1000]))],
    [6, () => spellTime(rng, rng.nowMs + rng.pick([5 * hour, 240 * hour]))],
    [2, () => rng.pick(unreadableTimes)],
  ]);
}

function randomCreation(rng: Rng): unknown {
  return weighted<unknown>(rng, [
    [6, () => new Date(rng.nowMs - rng.int(4) * 24 * hour).toISOString().replace('.000', '')],
    [2, () => spellTime(rng, rng.nowMs - rng.int(4) * 24 * hour)],
    [1, () => rng.pick(unreadableTimes)],
  ]);
}

// ---------------------------------------------------------------------------------------------------------------------
// ImageCaches

const goodSizes: readonly unknown[] = [1, 1000, 1000, 5_000_000, 5_000_000_000, 0.5, 2 ** 40];
const badSizes: readonly unknown[] = [0, -1, -5_000_000, '5000000', null, true, {}];

function randomRecordedImage(rng: Rng, images: readonly string[]): unknown {
  if (rng.chance(0.04)) return rng.pick<unknown>([null, 'nginx', 7, [], {}]);
  const name = images.length > 0 && rng.chance(0.85) ? respell(rng, rng.pick(images)) : randomReference(rng);
  return {
    name,
    ...(rng.chance(0.5) ? { digest: rng.pick<unknown>([...digests, ...digests, '', 'sha256:abc', null, 5]) } : {}),
    ...(rng.chance(0.85) ? { sizeBytes: rng.chance(0.85) ? rng.pick(goodSizes) : rng.pick(badSizes) } : {}),
  };
}

function randomRecordedImages(rng: Rng, images: readonly string[]): unknown[] {
  return Array.from({ length: rng.int(4) }, () => randomRecordedImage(rng, images));
}

function randomImagesAnnotation(rng: Rng, images: readonly string[]): string {
  if (rng.chance(0.1)) return rng.pick(['', '[', '{}', 'null', '[null]', '"x"', '[1,2]', '[{"name":7}]']);
  return JSON.stringify(randomRecordedImages(rng, images));
}

function randomCache(rng: Rng, name: string, sharedSets: readonly (readonly string[])[]): object {
  const images = rng.chance(0.5)
    ? rng.pick(sharedSets).map((image) => respell(rng, image))
    : Array.from({ length: 1 + rng.int(4) }, () => randomReference(rng));
  const annotations: (readonly [string, unknown])[] = [];
  if (rng.chance(0.12)) annotations.push(['k8s.aliyun.com/imc-cpu-arch', rng.pick(['arm64', 'arm64', 'amd64'])]);
  if (rng.chance(0.08)) annotations.push(['k8s.aliyun.com/imc-os-type', rng.pick(['windows', 'windows', 'linux'])]);
  if (rng.chance(0.3)) annotations.push(['imc-webhook/images', randomImagesAnnotation(rng, images)]);
  if (rng.chance(0.05)) annotations.push(['__proto__', 'x']);
  const labels: (readonly [string, unknown])[] = [];
  if (rng.chance(0.06)) labels.push(['imc-webhook/retiring', rng.pick(['true', '', 'false'])]);
  if (rng.chance(0.1)) labels.push(['imc-webhook/namespace', rng.pick(namespaceNames)]);
  if (rng.chance(0.1)) labels.push(['imc-webhook/auto-created', 'true']);
  const withNulls = rng.chance(0.1);
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: {
      name,
      ...(rng.chance(0.9) ? { creationTimestamp: randomCreation(rng) } : {}),
      ...(rng.chance(0.06) ? { deletionTimestamp: spellTime(rng, rng.nowMs - 1000) } : {}),
      ...(annotations.length > 0 ? { annotations: objectFrom(annotations) } : withNulls ? { annotations: null } : {}),
      ...(labels.length > 0 ? { labels: objectFrom(labels) } : withNulls ? { labels: null } : {}),
    },
    spec: rng.chance(0.02) ? {} : { images, imageCacheSize: rng.pick([20, 30, 100]) },
    ...(rng.chance(0.04) ? {} : { status: randomCacheStatus(rng, images) }),
  };
}

function randomCacheStatus(rng: Rng, images: readonly string[]): unknown {
  return {
    phase: rng.chance(0.75) ? 'Ready' : rng.pick(phases),
    progress: rng.pick(['100%', '5%', '']),
    ...(rng.chance(0.95) ? { imageCacheId: rng.chance(0.05) ? '' : rng.pick(ids) } : {}),
    ...(rng.chance(0.4) ? { expireDateTime: randomExpiry(rng) } : {}),
    ...(rng.chance(0.5) ? { images: randomRecordedImages(rng, images) } : {}),
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// Namespaces

function randomNamespace(rng: Rng, name: string): object {
  const labels: (readonly [string, unknown])[] = rng.some(labelPairs, 0.2);
  if (rng.chance(0.15)) labels.push(['alibabacloud.com/eci', rng.pick(['true', 'true', 'false', 'True'])]);
  if (rng.chance(0.08)) labels.push(['virtual-node-affinity-injection', rng.pick(['enabled', 'enabled', 'disabled'])]);
  if (rng.chance(0.12)) labels.push(['imc-webhook/enabled', rng.pick(['true', 'true', 'false'])]);
  if (rng.chance(0.05)) labels.push(['imc-webhook/ignore', rng.pick(['true', 'true', 'no'])]);
  if (rng.chance(0.5)) labels.push(['kubernetes.io/metadata.name', name]);
  if (rng.chance(0.05)) labels.push(['__proto__', 'true']);
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, ...(rng.chance(0.9) ? { labels: objectFrom(labels) } : rng.chance(0.5) ? { labels: null } : {}) },
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// eci-profile

function randomExpression(rng: Rng): unknown {
  const [key, value] = rng.chance(0.9) ? rng.pick(labelPairs) : (['kubernetes.io/metadata.name', 'team-a'] as const);
  return weighted<unknown>(rng, [
    [3, () => ({ key, operator: 'In', values: [value, 'other'] })],
    [2, () => ({ key, operator: 'NotIn', values: [value] })],
    [2, () => ({ key, operator: 'Exists', ...(rng.chance(0.3) ? { values: rng.pick([[], null]) } : {}) })],
    [2, () => ({ key, operator: 'DoesNotExist' })],
  ]);
}

function randomSelector(rng: Rng): unknown {
  return weighted<unknown>(rng, [
    [6, () => ({ matchLabels: objectFrom([rng.pick(labelPairs)]) })],
    [4, () => ({ matchExpressions: [randomExpression(rng)] })],
    [2, () => ({ matchLabels: objectFrom([rng.pick(labelPairs)]), matchExpressions: [randomExpression(rng)] })],
    [1, () => ({})],
    [1, () => ({ matchLabels: {}, matchExpressions: [] })],
    [1, () => ({ matchLabels: null, matchExpressions: null, extra: 1 })],
    [1, () => null],
  ]);
}

const ruleLabels: readonly (readonly [string, string])[] = [
  ['alibabacloud.com/eci', 'true'],
  ['eci', 'true'],
  ['app', 'web'],
  ['tier', 'a'],
  ['team.example.com/cost', ''],
];

function randomEffectAnnotations(rng: Rng, knownIds: readonly string[]): (readonly [string, unknown])[] {
  const result: (readonly [string, unknown])[] = [];
  const pin = (): string => (knownIds.length > 0 && rng.chance(0.8) ? rng.pick(knownIds) : rng.pick(ids));
  if (rng.chance(0.2)) result.push(['k8s.aliyun.com/eci-imc-id', pin()]);
  if (rng.chance(0.02)) result.push(['k8s.aliyun.com/eci-image-snapshot-id', pin()]);
  if (rng.chance(0.25)) result.push(['k8s.aliyun.com/eci-auto-imc', rng.pick(['true', 'true', 'false', 'yes'])]);
  if (rng.chance(0.1)) result.push(['k8s.aliyun.com/imc-perfect-match', rng.pick(['true', 'false', 'maybe'])]);
  if (rng.chance(0.1)) result.push(['k8s.aliyun.com/imc-match-count-request', rng.pick(['1', '2', '0'])]);
  if (rng.chance(0.2)) result.push(['k8s.aliyun.com/eci-use-specs', rng.pick(['2-4Gi', '4-8Gi'])]);
  if (rng.chance(0.1)) result.push(['constructor', 'a "b" \\ \u955c \n c']);
  if (rng.chance(0.1)) result.push(['Example.COM/CamelCase', 'x']);
  if (rng.chance(0.03)) result.push(['alibabacloud.com/burst-resource', 'eci']);
  return result;
}

function randomRule(rng: Rng, index: number, knownIds: readonly string[]): Record<string, unknown> {
  const annotations = randomEffectAnnotations(rng, knownIds);
  const labels = rng.some(ruleLabels, 0.12);
  const effect = rng.chance(0.05)
    ? rng.pick([null, {}, { annotations: null, labels: null }])
    : {
        ...(annotations.length > 0 ? { annotations: objectFrom(annotations) } : {}),
        ...(labels.length > 0 ? { labels: objectFrom(labels) } : {}),
      };
  return {
    name: rng.chance(0.05) ? `rule "${index}" \u955c` : `rule-${index}`,
    ...(rng.chance(0.4) ? { namespaceSelector: randomSelector(rng) } : {}),
    ...(rng.chance(0.6) ? { objectSelector: randomSelector(rng) } : {}),
    ...(rng.chance(0.95) ? { effect } : {}),
    ...(rng.chance(0.1) ? { policy: { virtualNodeOnly: {} }, priority: 7 } : {}),
  };
}

/** One thing wrong with an otherwise good profile. */
function breakRules(rng: Rng, rules: readonly Record<string, unknown>[]): string {
  const withRule = (rule: unknown): string => JSON.stringify([...rules, rule]);
  const effect = (annotations: Record<string, unknown>, labels: Record<string, unknown> = {}): string =>
    withRule({ name: 'broken', effect: { annotations, labels } });
  const selector = (objectSelector: unknown): string => withRule({ name: 'broken', objectSelector });
  const expression = (value: unknown): string => selector({ matchExpressions: [value] });
  return rng.pick<() => string>([
    () => JSON.stringify(rules).slice(0, -1),
    () => `${JSON.stringify(rules)} // comment`,
    () => JSON.stringify({ rules }),
    () => 'null',
    () => withRule('x'),
    () => withRule([]),
    () => withRule({}),
    () => withRule({ name: '' }),
    () => withRule({ name: null }),
    () => withRule({ name: 7 }),
    () => JSON.stringify([...rules, { name: 'twice' }, { name: 'twice' }]),
    () => withRule({ name: 'broken', effect: 'x' }),
    () => withRule({ name: 'broken', effect: [] }),
    () => withRule({ name: 'broken', namespaceSelector: 'x' }),
    () => selector({ matchLabels: ['a'] }),
    () => selector({ matchLabels: { 'bad key!': 'x' } }),
    () => selector({ matchLabels: { app: 'not a value!' } }),
    () => selector({ matchLabels: { app: 7 } }),
    () => selector({ matchLabels: { app: 'v'.repeat(64) } }),
    () => selector({ matchLabels: { 'UPPER.com/app': 'x' } }),
    () => selector({ matchExpressions: {} }),
    () => expression({ key: 'app', operator: 'Like', values: ['x'] }),
    () => expression({ key: 'app', operator: 'in', values: ['x'] }),
    () => expression({ key: 'app' }),
    () => expression({ operator: 'Exists' }),
    () => expression({ key: '', operator: 'Exists' }),
    () => expression({ key: 'app', operator: 'In', values: [7] }),
    () => expression({ key: 'app', operator: 'In', values: 'x' }),
    () => effect({ 'bad key!': 'x' }),
    () => effect({ 'a/b/c': 'x' }),
    () => effect({ '/a': 'x' }),
    () => effect({ '': 'x' }),
    () => effect({ a: 7 }),
    () => effect({}, { 'UPPER.com/a': 'x' }),
    () => effect({}, { a: 'not a value!' }),
    () => effect({}, { a: true }),
    () => effect({ 'kubernetes.io/config.mirror': 'x' }),
    () => effect({ 'controller.kubernetes.io/pod-deletion-cost': '1' }),
    () => effect({ 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' }),
    () => effect({ 'container.seccomp.security.alpha.kubernetes.io/app': 'unconfined' }),
    () => effect({ 'container.apparmor.security.beta.kubernetes.io/app': 'unconfined' }),
    () => effect({ 'scheduler.alpha.kubernetes.io/anything': 'x' }),
    () => effect({ 'imc-webhook/ignore': 'true' }),
    () => effect({}, { 'imc-webhook/ignore': 'true' }),
    () => effect({}, { 'alibabacloud.com/acs': 'true' }),
    () => withRule(JSON.parse('{"name":"broken","effect":{"annotations":{"__proto__":"x"}}}')),
  ])();
}

function randomSelectors(rng: Rng, knownIds: readonly string[]): string | undefined {
  if (rng.chance(0.25)) return rng.pick([undefined, '', '[]', '[]']);
  const rules = Array.from({ length: 1 + rng.int(6) }, (_, index) => randomRule(rng, index, knownIds));
  return rng.chance(0.05) ? breakRules(rng, rules) : JSON.stringify(rules);
}

/** A world with at most `size` caches, half of them with at most twelve, some with none. */
export function randomWorld(seed: number, size = 60, nowMs: number = generatorNow): World {
  const rng = makeRng(seed, nowMs);
  const count = rng.chance(0.05) ? 0 : rng.chance(0.5) ? rng.int(Math.min(size, 12) + 1) : rng.int(size + 1);
  const sharedSets = Array.from({ length: 4 }, () =>
    Array.from({ length: 1 + rng.int(4) }, () => randomReference(rng)),
  );
  const names = rng.shuffle(Array.from({ length: count }, (_, index) => cacheName(rng, index)));
  const imageCaches = names.map((name) => randomCache(rng, name, sharedSets));
  const knownIds = imageCaches.flatMap((cache) => idOf(cache) ?? []);
  const namespaces = rng.some(namespaceNames, 0.9).map((name) => randomNamespace(rng, name));
  const selectors = randomSelectors(rng, knownIds);
  return { imageCaches, namespaces, ...(selectors === undefined ? {} : { selectors }) };
}

/** Names whose order by code unit is neither that of numbers nor that of dictionaries. */
function cacheName(rng: Rng, index: number): string {
  return rng.pick([`cache-${index}`, `cache.${index}`, `a${index}`, `auto-${index.toString(16).padStart(16, '0')}`]);
}

function idOf(cache: object): string | undefined {
  const status: unknown = Object.hasOwn(cache, 'status') ? (cache as { status: unknown }).status : undefined;
  const id: unknown = isObject(status) ? status['imageCacheId'] : undefined;
  return typeof id === 'string' && id !== '' ? id : undefined;
}

function isReady(cache: object): boolean {
  const status: unknown = Object.hasOwn(cache, 'status') ? (cache as { status: unknown }).status : undefined;
  return isObject(status) && status['phase'] === 'Ready';
}

function nameOf(cache: object): string | undefined {
  const metadata: unknown = Object.hasOwn(cache, 'metadata') ? (cache as { metadata: unknown }).metadata : undefined;
  const name: unknown = isObject(metadata) ? metadata['name'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

function imagesOf(cache: object): string[] {
  const spec: unknown = Object.hasOwn(cache, 'spec') ? (cache as { spec: unknown }).spec : undefined;
  const images: unknown = isObject(spec) ? spec['images'] : undefined;
  return Array.isArray(images) ? images.filter((image): image is string => typeof image === 'string') : [];
}

// ---------------------------------------------------------------------------------------------------------------------
// Settings

export function randomSettings(rng: Rng): OracleSettings {
  return {
    mode: rng.pick(['enforce', 'enforce', 'enforce', 'enforce', 'enforce', 'observe', 'off']),
    podScope: rng.pick(['eci', 'eci', 'all']),
    partialMatch: rng.pick(['auto', 'auto', 'pin', 'delegate']),
    unreadyPin: rng.pick(['warn', 'deny']),
    registryAliases: rng.pick(['off', 'repository']),
    expiryMarginMs: rng.pick([4 * hour, 4 * hour, 0, 24 * hour]),
    warnings: rng.chance(0.9) ? 'on' : 'off',
    driver: rng.pick(['simulated', 'simulated', 'external', 'eci']),
    ...(rng.chance(0.8) ? { ownNamespace: 'imc-system' } : {}),
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// Pods

function randomImages(rng: Rng, world: World): string[] {
  const caches = world.imageCaches;
  const covered = caches.length > 0 && rng.chance(0.75) ? imagesOf(rng.pick(caches)) : [];
  const wanted = rng.some(covered, rng.pick([1, 0.6])).map((image) => respell(rng, image));
  const extra = rng.pick([0, 0, 0, 1, 1, 2]);
  const images = [...wanted, ...Array.from({ length: extra }, () => randomReference(rng))];
  if (images.length > 0 && rng.chance(0.2)) images.push(respell(rng, rng.pick(images)));
  return rng.shuffle(images).slice(0, 6);
}

function randomContainer(rng: Rng, image: string, index: number): Record<string, unknown> {
  return {
    name: `c${index}`,
    ...(image === '' && rng.chance(0.5) ? {} : { image }),
    ...(rng.chance(0.3) ? { imagePullPolicy: rng.pick(['Always', 'IfNotPresent', 'Never']) } : {}),
  };
}

function randomPodAnnotations(rng: Rng, world: World): (readonly [string, unknown])[] {
  const result: (readonly [string, unknown])[] = [];
  const knownIds = world.imageCaches.flatMap((cache) => idOf(cache) ?? []);
  const cacheNames = world.imageCaches.flatMap((cache) => nameOf(cache) ?? []);
  const unreadyIds = world.imageCaches.filter((cache) => !isReady(cache)).flatMap((cache) => idOf(cache) ?? []);
  const pin = (): string =>
    weighted(rng, [
      [5, () => (knownIds.length > 0 ? rng.pick(knownIds) : 'imc-none')],
      [3, () => (unreadyIds.length > 0 ? rng.pick(unreadyIds) : 'imc-none')],
      [1, () => (cacheNames.length > 0 ? rng.pick(cacheNames) : 'a-name')],
      [1, () => 'imc-unknown'],
      [2, () => ''],
    ]);
  const boolean = (): string =>
    rng.pick(['true', 'true', 'true', 'false', 'false', 'True', ' FALSE ', '\ttrue\n', 'yes', '1', '', 'truefalse']);
  const count = (): string =>
    rng.pick(['1', '2', '3', '02', ' 2 ', '9', '0', '-1', '+1', '1.0', '1e1', 'two', '', '99999999999999999999999']);
  if (rng.chance(0.2)) result.push(['k8s.aliyun.com/eci-imc-id', pin()]);
  if (rng.chance(0.06)) result.push(['k8s.aliyun.com/eci-image-snapshot-id', pin()]);
  if (rng.chance(0.2)) result.push(['k8s.aliyun.com/eci-auto-imc', boolean()]);
  if (rng.chance(0.08)) result.push(['k8s.aliyun.com/eci-image-cache', boolean()]);
  if (rng.chance(0.2)) result.push(['k8s.aliyun.com/imc-perfect-match', boolean()]);
  if (rng.chance(0.2)) result.push(['k8s.aliyun.com/imc-match-count-request', count()]);
  if (rng.chance(0.05)) result.push(['alibabacloud.com/burst-resource', rng.pick(['eci', 'eci_only', 'no'])]);
  if (rng.chance(0.03)) result.push(['imc-webhook/ignore', rng.pick(['true', 'true', 'false'])]);
  if (rng.chance(0.02)) result.push(['kubernetes.io/config.mirror', rng.pick(['', 'abc'])]);
  if (rng.chance(0.1)) result.push(['k8s.aliyun.com/eci-use-specs', '2-4Gi']);
  if (rng.chance(0.05)) result.push(['constructor', 'x']);
  if (rng.chance(0.03)) result.push(['__proto__', 'polluted']);
  if (rng.chance(0.03)) result.push(['toString', '']);
  if (rng.chance(0.05)) result.push(['example.com/slash', 'value/with~1 and "quotes"']);
  if (rng.chance(0.06)) result.push(['imc-webhook/decision', randomFormerDecision(rng, result)]);
  return result;
}

/** What a copied pod may carry: truths, half truths and rubbish. */
function randomFormerDecision(rng: Rng, annotations: readonly (readonly [string, unknown])[]): string {
  if (rng.chance(0.25)) return rng.pick(['', '{', 'null', '[]', '"x"', '{"added":7}', '{"added":{"annotations":[1]}}']);
  const claimed = rng.some(annotations, 0.5).filter(([key]) => key.startsWith('k8s.aliyun.com/'));
  const wrong = rng.chance(0.2) ? [['k8s.aliyun.com/eci-auto-imc', 'something else'] as const] : [];
  return JSON.stringify({
    outcome: rng.pick(['NoMatch', 'CompleteMatch', 'Whatever']),
    ...(rng.chance(0.3) ? { added: { annotations: objectFrom([...claimed, ...wrong]), labels: { app: 'web' } } } : {}),
    ...(rng.chance(0.3) ? { added: { annotations: objectFrom(claimed) }, future: { x: [1] } } : {}),
  });
}

function randomPodLabels(rng: Rng): (readonly [string, unknown])[] {
  const result: (readonly [string, unknown])[] = rng.some(labelPairs, 0.2);
  if (rng.chance(0.45)) result.push(['alibabacloud.com/eci', rng.pick(['true', 'true', 'true', 'false', 'TRUE'])]);
  if (rng.chance(0.08)) result.push(['eci', rng.pick(['true', 'false'])]);
  if (rng.chance(0.03)) result.push(['alibabacloud.com/acs', rng.pick(['true', 'false'])]);
  if (rng.chance(0.03)) result.push(['imc-webhook/ignore', rng.pick(['true', 'yes'])]);
  if (rng.chance(0.02)) result.push(['__proto__', 'x']);
  return result;
}

function platformRequirement(rng: Rng): unknown {
  return rng.pick<unknown>([
    { key: 'kubernetes.io/arch', operator: 'In', values: ['arm64'] },
    { key: 'kubernetes.io/arch', operator: 'In', values: ['arm64', 'amd64'] },
    { key: 'beta.kubernetes.io/arch', operator: 'In', values: ['arm64', 'arm'] },
    { key: 'kubernetes.io/os', operator: 'In', values: ['windows'] },
    { key: 'kubernetes.io/os', operator: 'In', values: ['windows', 'linux'] },
    { key: 'beta.kubernetes.io/os', operator: 'In', values: ['linux'] },
  ]);
}

function virtualNodeRequirement(rng: Rng): unknown {
  return rng.pick<unknown>([
    { key: 'type', operator: 'In', values: ['virtual-kubelet'] },
    { key: 'type', operator: 'NotIn', values: ['virtual-kubelet'] },
    { key: 'type', operator: 'Exists' },
    { key: 'type', operator: 'In', values: ['other'] },
    { key: 'k8s.aliyun.com/vnode', operator: 'In', values: ['x', 'true'] },
    { key: 'k8s.aliyun.com/vnode', operator: 'Exists' },
    { key: 'k8s.aliyun.com/vnode', operator: 'DoesNotExist' },
  ]);
}

function randomAffinity(rng: Rng): unknown {
  const terms = Array.from({ length: 1 + rng.int(2) }, () => ({
    matchExpressions: [
      ...(rng.chance(0.6) ? [platformRequirement(rng)] : []),
      ...(rng.chance(0.4) ? [virtualNodeRequirement(rng)] : []),
      ...(rng.chance(0.2) ? [{ key: 'zone', operator: 'In', values: ['a'] }] : []),
    ],
  }));
  const required = rng.chance(0.05) ? null : { nodeSelectorTerms: terms };
  const preferred = [{ weight: 1, preference: { matchExpressions: [virtualNodeRequirement(rng)] } }];
  return {
    nodeAffinity: {
      ...(rng.chance(0.9) ? { requiredDuringSchedulingIgnoredDuringExecution: required } : {}),
      ...(rng.chance(0.3) ? { preferredDuringSchedulingIgnoredDuringExecution: preferred } : {}),
    },
  };
}

function randomNodeSelector(rng: Rng): Record<string, unknown> {
  return objectFrom(
    rng.some<readonly [string, string]>(
      [
        ['type', 'virtual-kubelet'],
        ['type', 'other'],
        ['k8s.aliyun.com/vnode', 'true'],
        ['k8s.aliyun.com/vnode', 'false'],
        ['kubernetes.io/arch', 'arm64'],
        ['beta.kubernetes.io/arch', 'amd64'],
        ['kubernetes.io/os', 'linux'],
        ['beta.kubernetes.io/os', 'windows'],
        ['zone', 'a'],
      ],
      0.2,
    ),
  );
}

const tolerations: readonly unknown[] = [
  { key: 'virtual-kubelet.io/provider', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'k8s.aliyun.com/vnode', operator: 'Equal', value: 'true' },
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists' },
  { operator: 'Exists' },
];

const nodeNames: readonly string[] = [
  'virtual-kubelet',
  'virtual-kubelet-cn-hangzhou-b',
  'virtual-node-eci-0',
  'cn-hangzhou.vnd-abc',
  'cn-hangzhou.10.0.0.1',
  'node-virtual-kubelet',
  '',
];

function randomSpec(rng: Rng, world: World): Record<string, unknown> {
  const images = randomImages(rng, world);
  const initCount = rng.chance(0.3) ? rng.int(images.length + 1) : 0;
  const containers = images.map((image, index) => randomContainer(rng, image, index));
  return {
    ...(initCount > 0
      ? { initContainers: containers.slice(0, initCount) }
      : rng.chance(0.1)
        ? { initContainers: rng.pick([null, []]) }
        : {}),
    containers: containers.slice(initCount),
    ...(rng.chance(0.05) ? { ephemeralContainers: [randomContainer(rng, randomReference(rng), 99)] } : {}),
    ...(rng.chance(0.2) ? { nodeSelector: randomNodeSelector(rng) } : {}),
    ...(rng.chance(0.12) ? { affinity: randomAffinity(rng) } : {}),
    ...(rng.chance(0.1) ? { tolerations: rng.some(tolerations, 0.4) } : {}),
    ...(rng.chance(0.08) ? { nodeName: rng.pick(nodeNames) } : {}),
    ...(rng.chance(0.05) ? { os: rng.pick([{ name: 'windows' }, { name: 'linux' }, {}, null]) } : {}),
  };
}

function randomMetadata(rng: Rng, world: World, namespace: string): unknown {
  if (rng.chance(0.02)) return {};
  const annotations = randomPodAnnotations(rng, world);
  const labels = randomPodLabels(rng);
  const map = (entries: (readonly [string, unknown])[]): unknown =>
    entries.length > 0 || rng.chance(0.5) ? objectFrom(entries) : null;
  const owner = (kind: string): unknown => [{ apiVersion: 'apps/v1', kind, name: 'owner', uid: 'u', controller: true }];
  return {
    ...(rng.chance(0.5) ? { name: 'pod-1' } : { generateName: 'pod-' }),
    ...(rng.chance(0.5) ? { namespace } : {}),
    creationTimestamp: null,
    ...(annotations.length > 0 || rng.chance(0.3) ? { annotations: map(annotations) } : {}),
    ...(labels.length > 0 || rng.chance(0.3) ? { labels: map(labels) } : {}),
    ...(rng.chance(0.3) ? { ownerReferences: owner(rng.pick(['ReplicaSet', 'ReplicaSet', 'DaemonSet', 'Job'])) } : {}),
  };
}

/** A mostly ordinary AdmissionReview for the creation of a pod. */
function randomPodReview(rng: Rng, world: World): Record<string, unknown> {
  const namespace = rng.chance(0.05)
    ? rng.pick(['kube-public', 'kube-node-lease', ghostNamespace, ghostNamespace])
    : rng.chance(0.9)
      ? rng.pick(namespaceNames.slice(0, 4))
      : rng.pick(namespaceNames);
  const request = {
    uid: `uid-${rng.int(1_000_000)}`,
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { ...(rng.chance(0.9) ? { group: '' } : {}), version: 'v1', resource: 'pods' },
    ...(rng.chance(0.05) ? { subResource: '' } : {}),
    ...(rng.chance(0.5) ? { name: 'pod-1' } : {}),
    ...(rng.chance(0.95) ? { namespace } : {}),
    operation: 'CREATE',
    ...(rng.chance(0.8) ? { userInfo: { username: 'someone', groups: ['system:authenticated'] } } : {}),
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      ...(rng.chance(0.99) ? { metadata: randomMetadata(rng, world, namespace) } : {}),
      ...(rng.chance(0.99) ? { spec: randomSpec(rng, world) } : {}),
      status: {},
    },
    oldObject: null,
    ...(rng.chance(0.7) ? { dryRun: rng.chance(0.2) } : {}),
    ...(rng.chance(0.1) ? { somethingNew: { nested: [1, 'x'] } } : {}),
  };
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request };
}

/** G1: something else than the creation of a pod. */
function otherReview(rng: Rng, review: Record<string, unknown>): Record<string, unknown> {
  const request = review['request'] as Record<string, unknown>;
  const change = rng.pick<Record<string, unknown>>([
    { operation: 'UPDATE', oldObject: request['object'] },
    { operation: 'DELETE', object: null },
    { operation: 'CONNECT' },
    { operation: 'create' },
    { resource: { group: 'apps', version: 'v1', resource: 'deployments' } },
    { resource: { group: '', version: 'v1', resource: 'services' } },
    { resource: { group: 'metrics.k8s.io', version: 'v1', resource: 'pods' } },
    { subResource: 'binding', object: { apiVersion: 'v1', kind: 'Binding' } },
    { subResource: 'eviction' },
    { operation: 'UPDATE', subResource: 'ephemeralcontainers' },
  ]);
  return { ...review, request: { ...request, ...change } };
}

/** A4: one thing that makes a review malformed. */
function malformedReview(rng: Rng, review: Record<string, unknown>): unknown {
  const request = review['request'] as Record<string, unknown>;
  return rng.pick<() => unknown>([
    () => null,
    () => [],
    () => 'text',
    () => ({}),
    () => ({ ...review, apiVersion: 'admission.k8s.io/v1beta1' }),
    () => ({ ...review, apiVersion: undefined }),
    () => ({ ...review, kind: 'Pod' }),
    () => ({ ...review, request: null }),
    () => ({ ...review, request: [] }),
    () => ({ ...review, request: { ...request, uid: '' } }),
    () => ({ ...review, request: { ...request, uid: 7 } }),
    () => ({ ...review, request: { ...request, uid: undefined } }),
    () => ({ ...review, request: { ...request, object: null } }),
    () => ({ ...review, request: { ...request, object: [] } }),
    () => ({ ...review, request: { ...request, object: 'pod' } }),
    () => ({ ...review, request: { ...request, object: undefined } }),
  ])();
}

/** Rarely: so many images or so much text that A2's cut or A6's limit is reached. */
function inflated(rng: Rng, review: Record<string, unknown>): Record<string, unknown> {
  const copy = clone(review);
  const pod = podOf(copy);
  if (pod === undefined) return copy;
  if (rng.chance(0.7)) {
    const spec = isObject(pod['spec']) ? pod['spec'] : {};
    const containers = Array.from({ length: 20 + rng.int(60) }, (_, index) => ({
      name: `many-${index}`,
      image: rng.chance(0.1)
        ? `Bad ${index} ${'\u955c'.repeat(rng.int(300))}`
        : `ghcr.io/many/${'n'.repeat(90)}:v${index}`,
    }));
    pod['spec'] = { ...spec, containers };
    return copy;
  }
  const metadata = isObject(pod['metadata']) ? pod['metadata'] : {};
  const annotations = isObject(metadata['annotations']) ? metadata['annotations'] : {};
  const padding = 'p'.repeat(rng.pick([200_000, 262_000, 270_000]));
  pod['metadata'] = { ...metadata, annotations: { ...annotations, 'example.com/padding': padding } };
  return copy;
}

export function randomReview(rng: Rng, world: World): unknown {
  const review = randomPodReview(rng, world);
  return weighted<unknown>(rng, [
    [910, () => review],
    [6, () => inflated(rng, review)],
    [40, () => otherReview(rng, review)],
    [20, () => malformedReview(rng, review)],
  ]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Reviews of our own answers

function podOf(review: unknown): Record<string, unknown> | undefined {
  const request = isObject(review) ? review['request'] : undefined;
  const object = isObject(request) ? request['object'] : undefined;
  return isObject(object) ? object : undefined;
}

/** The review the API server would send if it called us again: the same pod with our answer in it (M11). */
export function reviewOfAnswer(review: unknown, answer: ExpectedAnswer): unknown {
  const copy = clone(review);
  const pod = podOf(copy);
  if (pod === undefined || answer.allowed !== true) return copy;
  const { finalAnnotations, finalLabels } = answer;
  if (finalAnnotations === undefined || finalLabels === undefined) return copy;
  const metadata = isObject(pod['metadata']) ? pod['metadata'] : undefined;
  if (metadata === undefined && finalAnnotations.length === 0 && finalLabels.length === 0) return copy;
  pod['metadata'] = {
    ...metadata,
    ...(finalAnnotations.length > 0 || isObject(metadata?.['annotations'])
      ? { annotations: objectFrom(finalAnnotations) }
      : {}),
    ...(finalLabels.length > 0 || isObject(metadata?.['labels']) ? { labels: objectFrom(finalLabels) } : {}),
  };
  return copy;
}

/** The review with one more container, as a sidecar injector leaves it. */
export function withSidecar(review: unknown, image: string): unknown {
  const copy = clone(review);
  const pod = podOf(copy);
  if (pod === undefined) return copy;
  const spec = isObject(pod['spec']) ? pod['spec'] : {};
  const containers: unknown[] = Array.isArray(spec['containers']) ? spec['containers'] : [];
  pod['spec'] = { ...spec, containers: [...containers, { name: 'sidecar', image }] };
  return copy;
}

/** Our answer, then a sidecar, then the second call. */
export function reviewOfAnswerWithSidecar(review: unknown, answer: ExpectedAnswer, image: string): unknown {
  return withSidecar(reviewOfAnswer(review, answer), image);
}
