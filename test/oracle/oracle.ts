/**
 * An independent reading of the behaviour contract, sections 1 to 6, for differential tests.
 *
 * It shares no code with the program. It is slow and plain on purpose: every review reads the whole world again, every
 * question is a linear scan, every order a comparator. Each function cites the rule it restates.
 */

// ---------------------------------------------------------------------------------------------------------------------
// What goes in and what comes out

export interface World {
  readonly imageCaches: readonly object[];
  readonly namespaces: readonly object[];
  /** The text of key `selectors` of ConfigMap `kube-system/eci-profile`; absent as the key may be (P6). */
  readonly selectors?: string;
}

export interface OracleSettings {
  readonly mode: 'enforce' | 'observe' | 'off';
  readonly podScope: 'eci' | 'all';
  readonly partialMatch: 'auto' | 'pin' | 'delegate';
  readonly unreadyPin: 'warn' | 'deny';
  readonly registryAliases: 'off' | 'repository';
  readonly expiryMarginMs: number;
  readonly warnings: 'on' | 'off';
  readonly driver: 'external' | 'simulated' | 'eci';
  readonly ownNamespace?: string;
}

export type Outcome =
  | 'Skipped'
  | 'Pinned'
  | 'PinUnknown'
  | 'PinNotReady'
  | 'AutoDisabled'
  | 'CompleteMatch'
  | 'PartialMatch'
  | 'NoMatch'
  | 'PerfectMatchUnsatisfied'
  | 'MatchCountUnsatisfied'
  | 'Error';

export type SkipReason =
  | 'NotCreate'
  | 'NotPod'
  | 'SystemNamespace'
  | 'OwnNamespace'
  | 'Ignored'
  | 'Acs'
  | 'Mirror'
  | 'RealNode'
  | 'DaemonSet'
  | 'NotEci'
  | 'Off';

export type WarningKind =
  | 'pinNotReady'
  | 'pinUnknown'
  | 'rulePinLeftOut'
  | 'illegalValue'
  | 'ignoredKeys'
  | 'mutableTag'
  | 'pullAlways';

/** A3: the order of the warnings. */
const warningOrder: readonly WarningKind[] = [
  'pinNotReady',
  'pinUnknown',
  'rulePinLeftOut',
  'illegalValue',
  'ignoredKeys',
  'mutableTag',
  'pullAlways',
];

export type Entries = readonly (readonly [string, unknown])[];

export interface Decision {
  readonly outcome: string;
  readonly cache?: string;
  readonly id?: string;
  readonly would?: string;
  readonly exact?: number;
  readonly images?: number;
  readonly missing?: readonly string[];
  readonly rules?: readonly string[];
  readonly added?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface ExpectedAnswer {
  readonly httpStatus: 200 | 400;
  /** Only with 400: the field that is wrong (A4). */
  readonly field?: string;
  readonly allowed?: boolean;
  readonly outcome?: Outcome;
  readonly reason?: SkipReason;
  /** The pod's maps after our answer, sorted by key (code unit). Only on a pod CREATE. */
  readonly finalAnnotations?: Entries;
  readonly finalLabels?: Entries;
  readonly decision?: Decision;
  readonly decisionText?: string;
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  /** Each kind once, in the order of A3, before the cut at 3. Empty with `warnings: off`. */
  readonly warningKinds?: readonly WarningKind[];
  readonly statusCode?: 422;
}

// ---------------------------------------------------------------------------------------------------------------------
// Section 1: keys

const AUTO = 'k8s.aliyun.com/eci-auto-imc';
const PERFECT = 'k8s.aliyun.com/imc-perfect-match';
const COUNT = 'k8s.aliyun.com/imc-match-count-request';
const PIN = 'k8s.aliyun.com/eci-imc-id';
const LEGACY_AUTO = 'k8s.aliyun.com/eci-image-cache';
const LEGACY_PIN = 'k8s.aliyun.com/eci-image-snapshot-id';
const DECISION = 'imc-webhook/decision';
const IGNORE = 'imc-webhook/ignore';
const ENABLED = 'imc-webhook/enabled';
const RECORDED_IMAGES = 'imc-webhook/images';
const CACHE_NAMESPACE = 'imc-webhook/namespace';
const RETIRING = 'imc-webhook/retiring';
const CACHE_ARCH = 'k8s.aliyun.com/imc-cpu-arch';
const CACHE_OS = 'k8s.aliyun.com/imc-os-type';

/** The `k8s.aliyun.com/` annotations of the section 1 table, current and legacy. */
const vendorKeys: readonly string[] = [AUTO, PERFECT, COUNT, PIN, LEGACY_AUTO, LEGACY_PIN];

/** N3's default list; A3 warns of these tags. */
const mutableTags: readonly string[] = ['latest', 'dev', 'main', 'master', 'nightly', 'stable'];

// ---------------------------------------------------------------------------------------------------------------------
// Reading JSON without trusting it (A7)

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member of an object; only its own, so that `__proto__` and `constructor` are data (A7). */
function member(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    if (!isObject(current) || !Object.hasOwn(current, key)) return undefined;
    current = current[key];
  }
  return current;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The string members of an object as a Map; anything else is an empty Map. */
function stringMap(value: unknown): Map<string, string> {
  const result = new Map<string, string>();
  if (!isObject(value)) return result;
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry === 'string') result.set(key, entry);
  }
  return result;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function distinct(values: readonly string[]): string[] {
  return values.filter((value, index) => values.indexOf(value) === index);
}

function utf8Length(value: string): number {
  return Buffer.byteLength(value, 'utf8');
}

// ---------------------------------------------------------------------------------------------------------------------
// C1: times

/** RFC 3339 with any offset or fraction, as milliseconds; undefined when unreadable (C1). */
function parseTime(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const match = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/.exec(
    value,
  );
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? '0');
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  const [offsetHour, offsetMinute] = [part(9), part(10)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, 0);
  const fractionMs = Number(`0.${match[7] ?? '0'}`) * 1000;
  const offsetMs = (offsetHour * 60 + offsetMinute) * 60_000 * (match[8] === '-' ? -1 : 1);
  return date.getTime() + fractionMs - offsetMs;
}

function daysInMonth(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  if (month === 2) return leap ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

// ---------------------------------------------------------------------------------------------------------------------
// I1: references

export interface Reference {
  /** Empty when the first part of the name looks like a host but is not one in the grammar (`my_host.com/app`). */
  readonly host: string;
  readonly path: string;
  /** `host/path`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly key: string;
}

/** I1: a digest we accept. */
function isDigest(value: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(value) || /^sha512:[0-9a-f]{128}$/.test(value);
}

/** I1: path := component *( "/" component ), lower case and digits with `.`, `_`, `__` or dashes in between. */
function isPath(value: string): boolean {
  return value.split('/').every((component) => /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/.test(component));
}

/** I1: domain := (domain name or bracketed IPv6) with an optional port. */
function isDomain(value: string): boolean {
  const bracketed = /^\[[0-9a-fA-F:]+\](?::[0-9]+)?$/.test(value);
  if (bracketed) return true;
  const colon = value.indexOf(':');
  const name = colon < 0 ? value : value.slice(0, colon);
  const portIsFine = colon < 0 || /^[0-9]+$/.test(value.slice(colon + 1));
  return portIsFine && name.split('.').every((part) => /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/.test(part));
}

/** I1: the normalised reference, undefined when the text is not one. */
function parseReference(value: string): Reference | undefined {
  if (/^[0-9a-f]{64}$/.test(value)) return undefined;

  const at = value.indexOf('@');
  const beforeDigest = at < 0 ? value : value.slice(0, at);
  const digest = at < 0 ? undefined : value.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) return undefined;

  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  const name = colon < 0 ? beforeDigest : beforeDigest.slice(0, colon);
  const writtenTag = colon < 0 ? undefined : beforeDigest.slice(colon + 1);
  if (writtenTag !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(writtenTag)) return undefined;

  const named = splitName(name);
  if (named === undefined || named.path.length > 255) return undefined;

  const repository = named.host === '' ? named.path : `${named.host}/${named.path}`;
  const tag = writtenTag ?? (digest === undefined ? 'latest' : undefined);
  const key = digest === undefined ? `${repository}:${tag ?? ''}` : `${repository}@${digest}`;
  return {
    ...named,
    repository,
    key,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** I1: host and path of a name without tag and digest, with Docker Hub's defaults filled in. */
function splitName(name: string): { host: string; path: string } | undefined {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const rest = slash < 0 ? name : name.slice(slash + 1);
  const firstIsHost = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();

  if (!firstIsHost) return isPath(name) ? hubName('docker.io', name) : undefined;
  if (!isPath(rest)) return undefined;
  if (isDomain(first)) return hubName(first.toLowerCase(), rest);
  return isPath(first) ? { host: '', path: name } : undefined;
}

/** I1: `index.docker.io` = `docker.io`; `library/` for one-part Docker Hub names. */
function hubName(host: string, path: string): { host: string; path: string } {
  const canonicalHost = host === 'index.docker.io' ? 'docker.io' : host;
  return { host: canonicalHost, path: canonicalHost === 'docker.io' && !path.includes('/') ? `library/${path}` : path };
}

/** I4: hosts with the same answer here are aliases of one registry; undefined for any other host. */
function aliasGroup(host: string): string | undefined {
  const personal = /^registry(?:-vpc|-internal)?\.([a-z0-9-]+)\.aliyuncs\.com$/.exec(host);
  if (personal !== null) return `personal ${personal[1] ?? ''}`;
  const enterprise = /^([a-z0-9-]+)-registry(?:-vpc)?\.([a-z0-9-]+)\.cr\.aliyuncs\.com$/.exec(host);
  if (enterprise !== null) return `enterprise ${enterprise[1] ?? ''} ${enterprise[2] ?? ''}`;
  return undefined;
}

// ---------------------------------------------------------------------------------------------------------------------
// ImageCaches as the matcher sees them (C1 to C4)

interface RecordedImage {
  readonly reference: Reference;
  /** The digest beside the name and the one in the name, whichever is there. */
  readonly digests: readonly string[];
  readonly size: number | undefined;
}

interface Cache {
  readonly name: string;
  readonly id: string;
  readonly phase: string;
  readonly deleting: boolean;
  readonly retiring: boolean;
  readonly expires: number | undefined;
  readonly created: number | undefined;
  readonly arch: string;
  readonly os: string;
  readonly privateTo: string | undefined;
  readonly images: readonly Reference[];
  readonly statusImages: readonly RecordedImage[];
  readonly annotatedImages: readonly RecordedImage[];
}

function readCache(object: unknown): Cache {
  const annotations = stringMap(member(object, 'metadata', 'annotations'));
  const labels = stringMap(member(object, 'metadata', 'labels'));
  const deletion = member(object, 'metadata', 'deletionTimestamp');
  return {
    name: text(member(object, 'metadata', 'name')),
    id: text(member(object, 'status', 'imageCacheId')),
    phase: text(member(object, 'status', 'phase')),
    deleting: deletion !== undefined && deletion !== null,
    retiring: labels.has(RETIRING),
    expires: parseTime(member(object, 'status', 'expireDateTime')),
    created: parseTime(member(object, 'metadata', 'creationTimestamp')),
    arch: annotations.get(CACHE_ARCH) || 'amd64',
    os: annotations.get(CACHE_OS) || 'linux',
    privateTo: labels.get(CACHE_NAMESPACE),
    images: list(member(object, 'spec', 'images')).flatMap((image) => parseReference(text(image)) ?? []),
    statusImages: readRecordedImages(member(object, 'status', 'images')),
    annotatedImages: readRecordedImages(parseJson(annotations.get(RECORDED_IMAGES))),
  };
}

function parseJson(value: string | undefined): unknown {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}

/** I3, C3: `{name, digest, sizeBytes}`; an entry without a valid name records nothing. */
function readRecordedImages(value: unknown): RecordedImage[] {
  return list(value).flatMap((entry) => {
    const reference = parseReference(text(member(entry, 'name')));
    if (reference === undefined) return [];
    const digests = [text(member(entry, 'digest')), reference.digest ?? ''].filter(isDigest);
    const size = member(entry, 'sizeBytes');
    const sizeCounts = typeof size === 'number' && Number.isFinite(size) && size > 0;
    return [{ reference, digests, size: sizeCounts ? size : undefined }];
  });
}

/** C1 for a pin we choose. */
function isUsable(cache: Cache, settings: OracleSettings, now: number): boolean {
  return (
    cache.phase === 'Ready' &&
    cache.id !== '' &&
    !cache.deleting &&
    !cache.retiring &&
    (cache.expires === undefined || cache.expires > now + settings.expiryMarginMs)
  );
}

/** M1 for a pin somebody else chose: margin, platform and retiring do not matter. */
function isWorking(cache: Cache, now: number): boolean {
  return cache.phase === 'Ready' && !cache.deleting && (cache.expires === undefined || cache.expires > now);
}

/** C3: the size of a key over all caches; 0 when nobody knows it. */
function sizeOf(key: string, caches: readonly Cache[]): number {
  const largest = (records: readonly RecordedImage[]): number =>
    records
      .filter(({ reference, digests }) =>
        [reference.key, ...digests.map((digest) => `${reference.repository}@${digest}`)].includes(key),
      )
      .reduce((size, record) => Math.max(size, record.size ?? 0), 0);
  const reported = largest(caches.flatMap((cache) => cache.statusImages));
  return reported > 0 ? reported : largest(caches.flatMap((cache) => cache.annotatedImages));
}

// ---------------------------------------------------------------------------------------------------------------------
// I2, I3, I4: a pod's images against a cache

interface PodImage {
  /** The key, or the text as written when it is not a reference. */
  readonly key: string;
  readonly reference: Reference | undefined;
}

interface Container {
  readonly image: PodImage;
  readonly pullPolicy: string;
}

function readContainers(pod: unknown): Container[] {
  return [...list(member(pod, 'spec', 'initContainers')), ...list(member(pod, 'spec', 'containers'))]
    .filter(isObject)
    .map((container) => {
      const written = text(member(container, 'image'));
      const reference = parseReference(written);
      return {
        image: { key: reference?.key ?? written, reference },
        pullPolicy: text(member(container, 'imagePullPolicy')),
      };
    });
}

/** I2: the distinct images, sorted by key. */
function distinctImages(containers: readonly Container[]): PodImage[] {
  const images = containers.map(({ image }) => image);
  return images
    .filter((image, index) => images.findIndex(({ key }) => key === image.key) === index)
    .toSorted((a, b) => byCodeUnit(a.key, b.key));
}

/** I3, the comparison of versions once the repositories are known to be the same. */
function sameVersion(wanted: Reference, there: { tag?: string; digest?: string }): boolean {
  if (wanted.digest !== undefined) return wanted.digest === there.digest;
  return wanted.tag !== undefined && wanted.tag === there.tag;
}

/** I3: exact match. */
function matchesExactly(image: PodImage, cache: Cache): boolean {
  const wanted = image.reference;
  if (wanted === undefined) return false;
  if (cache.images.some((there) => there.repository === wanted.repository && sameVersion(wanted, there))) return true;
  if (wanted.digest === undefined) return false;
  const digest = wanted.digest;
  return [...cache.statusImages, ...cache.annotatedImages].some(
    (record) => record.reference.repository === wanted.repository && record.digests.includes(digest),
  );
}

/** I3, I4: repository match, which never is an exact one. */
function matchesRepository(image: PodImage, cache: Cache, settings: OracleSettings): boolean {
  const wanted = image.reference;
  if (wanted === undefined || matchesExactly(image, cache)) return false;
  if (cache.images.some((there) => there.repository === wanted.repository)) return true;
  if (settings.registryAliases === 'off') return false;
  const group = aliasGroup(wanted.host);
  if (group === undefined) return false;
  const behindAlias = (there: Reference): boolean => aliasGroup(there.host) === group && there.path === wanted.path;
  if (cache.images.some((there) => behindAlias(there) && sameVersion(wanted, there))) return true;
  const digest = wanted.digest;
  if (digest === undefined) return false;
  return [...cache.statusImages, ...cache.annotatedImages].some(
    (record) => behindAlias(record.reference) && record.digests.includes(digest),
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// C2: the platform a pod asks for

interface AffinityRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
}

/** The required node affinity: a list of terms (any may hold), each a list of requirements (all must hold). */
function requiredAffinity(pod: unknown): AffinityRequirement[][] {
  const required = member(pod, 'spec', 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution');
  return list(member(required, 'nodeSelectorTerms')).map((term) =>
    list(member(term, 'matchExpressions')).map((expression) => ({
      key: text(member(expression, 'key')),
      operator: text(member(expression, 'operator')),
      values: list(member(expression, 'values')).filter((value) => typeof value === 'string'),
    })),
  );
}

/** C2: the union over the terms of what each accepts; undefined when anything is accepted. */
function acceptedByAffinity(pod: unknown, keys: readonly string[]): string[] | undefined {
  const terms = requiredAffinity(pod);
  if (terms.length === 0) return undefined;
  const accepted: string[] = [];
  for (const term of terms) {
    const restrictions = term.filter(({ key, operator }) => keys.includes(key) && operator === 'In');
    const first = restrictions[0];
    if (first === undefined) return undefined;
    accepted.push(...first.values.filter((value) => restrictions.every(({ values }) => values.includes(value))));
  }
  return accepted;
}

/** C2: one wanted value. */
function wantedPlatform(pod: unknown, name: 'arch' | 'os'): string {
  const preferred = name === 'arch' ? 'amd64' : 'linux';
  const keys = [`kubernetes.io/${name}`, `beta.kubernetes.io/${name}`];
  const nodeSelector = stringMap(member(pod, 'spec', 'nodeSelector'));
  for (const key of keys) {
    const value = nodeSelector.get(key);
    if (value !== undefined) return value;
  }
  const declared = name === 'os' ? text(member(pod, 'spec', 'os', 'name')) : '';
  if (declared !== '') return declared;
  const accepted = acceptedByAffinity(pod, keys);
  if (accepted === undefined || accepted.includes(preferred)) return preferred;
  return accepted.toSorted(byCodeUnit)[0] ?? preferred;
}

// ---------------------------------------------------------------------------------------------------------------------
// Section 3: eci-profile

type Operator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';

interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

export interface Rule {
  readonly name: string;
  /** Empty: no selector (P2). */
  readonly namespaceSelector: readonly Requirement[];
  readonly objectSelector: readonly Requirement[];
  readonly annotations: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
}

export type ParsedSelectors =
  | { readonly valid: true; readonly rules: readonly Rule[] }
  | { readonly valid: false; readonly problem: string; readonly rules: readonly Rule[] };

class Rejected extends Error {}

function reject(problem: string): never {
  throw new Rejected(problem);
}

/** P6: the whole text, or nothing of it. There is no last good text here, so a rejected one means no rules. */
function parseSelectors(selectors: string | undefined): ParsedSelectors {
  if (selectors === undefined || selectors === '') return { valid: true, rules: [] };
  try {
    return { valid: true, rules: readRules(selectors) };
  } catch (problem) {
    if (problem instanceof Rejected) return { valid: false, problem: problem.message, rules: [] };
    throw problem;
  }
}

function readRules(selectors: string): Rule[] {
  let json: unknown;
  try {
    json = JSON.parse(selectors);
  } catch {
    return reject('not JSON');
  }
  if (!Array.isArray(json)) return reject('not an array');
  const rules = json.map(readRule);
  const names = rules.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) reject(`duplicate name ${twice}`);
  return rules;
}

/** P1, P5: one rule; `null` is absent, unknown fields are ignored. */
function readRule(value: unknown, index: number): Rule {
  if (!isObject(value)) return reject(`rule ${index} is not an object`);
  const name = present(value, 'name');
  if (typeof name !== 'string' || name === '') return reject(`rule ${index} has no name`);
  const effect = optionalObject(value, 'effect', name);
  return {
    name,
    namespaceSelector: readSelector(optionalObject(value, 'namespaceSelector', name), name),
    objectSelector: readSelector(optionalObject(value, 'objectSelector', name), name),
    annotations: readEffect(optionalObject(effect, 'annotations', name), isAnnotationKey, () => true, name),
    labels: readEffect(optionalObject(effect, 'labels', name), isLabelKey, isLabelValue, name),
  };
}

/** P1: a member that is there and not null. */
function present(value: JsonObject | undefined, key: string): unknown {
  return member(value, key) ?? undefined;
}

function optionalObject(value: JsonObject | undefined, key: string, rule: string): JsonObject | undefined {
  const found = present(value, key);
  if (found === undefined || isObject(found)) return found;
  return reject(`rule ${rule}: ${key} is not an object`);
}

function optionalList(value: JsonObject | undefined, key: string, rule: string): readonly unknown[] {
  const found = present(value, key);
  if (found === undefined) return [];
  return Array.isArray(found) ? (found as unknown[]) : reject(`rule ${rule}: ${key} is not a list`);
}

/** P1, P6: a LabelSelector as a list of requirements, all of which must hold. */
function readSelector(selector: JsonObject | undefined, rule: string): Requirement[] {
  const labels = Object.entries(optionalObject(selector, 'matchLabels', rule) ?? {});
  const fromLabels = labels.flatMap(([key, value]): Requirement[] => {
    if (value === null) return [];
    if (!isLabelKey(key)) return reject(`rule ${rule}: bad label key ${key}`);
    if (typeof value !== 'string' || !isLabelValue(value)) return reject(`rule ${rule}: bad label value of ${key}`);
    return [{ key, operator: 'In', values: [value] }];
  });
  const fromExpressions = optionalList(selector, 'matchExpressions', rule).map((expression) => {
    if (!isObject(expression)) return reject(`rule ${rule}: a matchExpression is not an object`);
    return readExpression(expression, rule);
  });
  return [...fromLabels, ...fromExpressions];
}

function readExpression(expression: JsonObject, rule: string): Requirement {
  const key = present(expression, 'key');
  if (typeof key !== 'string' || !isLabelKey(key)) return reject(`rule ${rule}: bad key in a matchExpression`);
  const operator = present(expression, 'operator');
  const values = optionalList(expression, 'values', rule).map((value) =>
    typeof value === 'string' && isLabelValue(value) ? value : reject(`rule ${rule}: bad label value of ${key}`),
  );
  if (operator === 'In' || operator === 'NotIn') {
    return values.length > 0 ? { key, operator, values } : reject(`rule ${rule}: ${operator} without values`);
  }
  if (operator === 'Exists' || operator === 'DoesNotExist') {
    return values.length === 0 ? { key, operator, values } : reject(`rule ${rule}: ${operator} with values`);
  }
  return reject(`rule ${rule}: bad operator`);
}

function readEffect(
  map: JsonObject | undefined,
  keyIsLegal: (key: string) => boolean,
  valueIsLegal: (value: string) => boolean,
  rule: string,
): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  for (const [key, value] of Object.entries(map ?? {})) {
    if (value === null) continue;
    if (!keyIsLegal(key)) reject(`rule ${rule}: bad effect key ${key}`);
    if (isForbiddenEffect(key)) reject(`rule ${rule}: effect on ${key} is not allowed`);
    if (typeof value !== 'string' || !valueIsLegal(value)) return reject(`rule ${rule}: bad effect value of ${key}`);
    result.set(key, value);
  }
  return result;
}

/** P6: keys that can make a pod invalid or fool the gate. */
function isForbiddenEffect(key: string): boolean {
  return (
    key === 'kubernetes.io/config.mirror' ||
    key === 'controller.kubernetes.io/pod-deletion-cost' ||
    key === 'alibabacloud.com/acs' ||
    key === 'seccomp.security.alpha.kubernetes.io/pod' ||
    key.startsWith('container.seccomp.security.alpha.kubernetes.io/') ||
    key.startsWith('container.apparmor.security.beta.kubernetes.io/') ||
    key.startsWith('scheduler.alpha.kubernetes.io/') ||
    key.startsWith('imc-webhook/')
  );
}

/** P6, A6: [DNS subdomain "/"] name, as Kubernetes checks label keys. */
function isLabelKey(key: string): boolean {
  const parts = key.split('/');
  const name = parts[parts.length - 1] ?? '';
  const prefix = parts.length === 2 ? (parts[0] ?? '') : undefined;
  if (parts.length > 2 || name.length > 63 || !/^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(name)) return false;
  if (prefix === undefined) return true;
  return prefix.length <= 253 && prefix.split('.').every((part) => /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(part));
}

/** P6, A6: Kubernetes lower-cases an annotation key before it checks it. */
function isAnnotationKey(key: string): boolean {
  return isLabelKey(key.toLowerCase());
}

function isLabelValue(value: string): boolean {
  return value.length <= 63 && /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/.test(value);
}

function holds(requirement: Requirement, labels: ReadonlyMap<string, string>): boolean {
  const value = labels.get(requirement.key);
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** P2: a rule with a selector can recognise pods (G4). */
function hasSelector(rule: Rule): boolean {
  return rule.namespaceSelector.length > 0 || rule.objectSelector.length > 0;
}

/** P2, G6: undefined namespace labels are those of a namespace nobody has seen. */
function ruleMatches(
  rule: Rule,
  podLabels: ReadonlyMap<string, string>,
  namespaceLabels: ReadonlyMap<string, string> | undefined,
): boolean {
  const podIsFine = rule.objectSelector.every((requirement) => holds(requirement, podLabels));
  if (rule.namespaceSelector.length === 0) return podIsFine;
  if (namespaceLabels === undefined) return false;
  return podIsFine && rule.namespaceSelector.every((requirement) => holds(requirement, namespaceLabels));
}

// ---------------------------------------------------------------------------------------------------------------------
// A4, G1, G2: the review

/** A4: the first field that makes the review malformed. */
function malformedField(review: unknown): string | undefined {
  if (!isObject(review)) return 'body';
  if (member(review, 'apiVersion') !== 'admission.k8s.io/v1') return 'apiVersion';
  if (member(review, 'kind') !== 'AdmissionReview') return 'kind';
  const request = member(review, 'request');
  if (!isObject(request)) return 'request';
  if (text(member(request, 'uid')) === '') return 'request.uid';
  if (reviewKind(request) === undefined && !isObject(member(request, 'object'))) return 'request.object';
  return undefined;
}

/** G1: why the review is not the creation of a pod; undefined when it is. */
function reviewKind(request: JsonObject): 'NotCreate' | 'NotPod' | undefined {
  if (member(request, 'operation') !== 'CREATE') return 'NotCreate';
  const group = member(request, 'resource', 'group') ?? '';
  const subResource = member(request, 'subResource') ?? '';
  const isPod =
    group === '' &&
    member(request, 'resource', 'version') === 'v1' &&
    member(request, 'resource', 'resource') === 'pods' &&
    subResource === '';
  return isPod ? undefined : 'NotPod';
}

/** G2. */
function reviewNamespace(request: JsonObject): string {
  return text(member(request, 'namespace')) || text(member(request, 'object', 'metadata', 'namespace')) || 'default';
}

/** G6: the labels of a namespace with its name filled in; undefined when the world does not have it. */
function labelsOfNamespace(name: string, world: World): ReadonlyMap<string, string> | undefined {
  const namespace = world.namespaces.find((object) => member(object, 'metadata', 'name') === name);
  if (namespace === undefined) return undefined;
  const labels = stringMap(member(namespace, 'metadata', 'labels'));
  if (!labels.has('kubernetes.io/metadata.name')) labels.set('kubernetes.io/metadata.name', name);
  return labels;
}

// ---------------------------------------------------------------------------------------------------------------------
// M11: what we said last time

interface FormerDecision {
  readonly json: JsonObject;
  readonly annotations: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
}

function readFormerDecision(annotations: ReadonlyMap<string, string>): FormerDecision | undefined {
  const json = parseJson(annotations.get(DECISION));
  if (!isObject(json)) return undefined;
  return {
    json,
    annotations: stringMap(member(json, 'added', 'annotations')),
    labels: stringMap(member(json, 'added', 'labels')),
  };
}

/** M11: the map without what we added to it. */
function withoutOurs(
  map: ReadonlyMap<string, string>,
  added: ReadonlyMap<string, string> | undefined,
  ourKeys: readonly string[],
): Map<string, string> {
  return new Map([...map].filter(([key, value]) => !(ourKeys.includes(key) && added?.get(key) === value)));
}

// ---------------------------------------------------------------------------------------------------------------------
// G3, G4: the gate

interface Pod {
  readonly json: unknown;
  /** Both without what we added in an earlier review (M11); the decision itself is gone too. */
  readonly annotations: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly namespace: string;
  readonly namespaceLabels: ReadonlyMap<string, string> | undefined;
}

function nodeName(pod: Pod): string {
  return text(member(pod.json, 'spec', 'nodeName'));
}

/** G4: names of virtual nodes. */
function isVirtualNode(name: string): boolean {
  return name.startsWith('virtual-kubelet') || name.startsWith('virtual-node-eci') || name.includes('.vnd-');
}

const virtualNodeLabels: readonly (readonly [string, string])[] = [
  ['type', 'virtual-kubelet'],
  ['k8s.aliyun.com/vnode', 'true'],
];

function hasEciLabel(pod: Pod): boolean {
  return pod.labels.get('alibabacloud.com/eci') === 'true' || pod.labels.get('eci') === 'true';
}

function selectsVirtualNode(pod: Pod): boolean {
  const nodeSelector = stringMap(member(pod.json, 'spec', 'nodeSelector'));
  return virtualNodeLabels.some(([key, value]) => nodeSelector.get(key) === value);
}

function namespaceIsEci(pod: Pod): boolean {
  return (
    pod.namespaceLabels?.get('alibabacloud.com/eci') === 'true' ||
    pod.namespaceLabels?.get('virtual-node-affinity-injection') === 'enabled'
  );
}

function affinityWantsVirtualNode(pod: Pod): boolean {
  return requiredAffinity(pod.json)
    .flat()
    .some(({ key, operator, values }) =>
      virtualNodeLabels.some(
        ([label, value]) => key === label && (operator === 'Exists' || (operator === 'In' && values.includes(value))),
      ),
    );
}

function toleratesVirtualNode(pod: Pod): boolean {
  return list(member(pod.json, 'spec', 'tolerations'))
    .map((toleration) => member(toleration, 'key'))
    .some((key) => key === 'virtual-kubelet.io/provider' || key === 'k8s.aliyun.com/vnode');
}

/** G4: an annotation of section 1 that is there, whatever its value. */
function hasVendorAnnotation(pod: Pod): boolean {
  return vendorKeys.some((key) => pod.annotations.has(key));
}

/** Section 1, M11: an empty pin with no legacy pin beside it is as good as absent: a rule may fill it, as we do. */
function isFreePin(key: string, annotations: ReadonlyMap<string, string>): boolean {
  return key === PIN && readPin(annotations) === '';
}

/** G4: signals the pod itself carries. */
function podSignalsEci(pod: Pod): boolean {
  return (
    hasEciLabel(pod) ||
    selectsVirtualNode(pod) ||
    affinityWantsVirtualNode(pod) ||
    toleratesVirtualNode(pod) ||
    isVirtualNode(nodeName(pod)) ||
    ['eci', 'eci_only'].includes(pod.annotations.get('alibabacloud.com/burst-resource') ?? '') ||
    hasVendorAnnotation(pod)
  );
}

/** G4. */
function isHandled(pod: Pod, rules: readonly Rule[], settings: OracleSettings): boolean {
  return (
    settings.podScope === 'all' ||
    podSignalsEci(pod) ||
    namespaceIsEci(pod) ||
    pod.namespaceLabels?.get(ENABLED) === 'true' ||
    rules.some((rule) => hasSelector(rule) && ruleMatches(rule, pod.labels, pod.namespaceLabels))
  );
}

/** G3, G4, M12, in the order of G7. */
function skipReason(pod: Pod, rules: readonly Rule[], settings: OracleSettings): SkipReason | undefined {
  if (['kube-system', 'kube-public', 'kube-node-lease'].includes(pod.namespace)) return 'SystemNamespace';
  if (settings.ownNamespace !== undefined && pod.namespace === settings.ownNamespace) return 'OwnNamespace';
  const marks = [pod.labels.get(IGNORE), pod.annotations.get(IGNORE), pod.namespaceLabels?.get(IGNORE)];
  if (marks.includes('true')) return 'Ignored';
  if (pod.labels.get('alibabacloud.com/acs') === 'true') return 'Acs';
  if (pod.annotations.has('kubernetes.io/config.mirror')) return 'Mirror';
  if (nodeName(pod) !== '' && !isVirtualNode(nodeName(pod))) return 'RealNode';
  const owners = list(member(pod.json, 'metadata', 'ownerReferences'));
  if (owners.some((owner) => member(owner, 'kind') === 'DaemonSet') && !podSignalsEci(pod)) return 'DaemonSet';
  if (!isHandled(pod, rules, settings)) return 'NotEci';
  if (settings.mode === 'off') return 'Off';
  return undefined;
}

// ---------------------------------------------------------------------------------------------------------------------
// P3, P4: effects

interface Effects {
  readonly matched: readonly Rule[];
  readonly annotations: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly aPinWasLeftOut: boolean;
}

function effectsOf(pod: Pod, rules: readonly Rule[], caches: readonly Cache[], now: number): Effects {
  const matched = rules.filter((rule) => ruleMatches(rule, pod.labels, pod.namespaceLabels));
  const annotations = new Map<string, string>();
  const labels = new Map<string, string>();
  let aPinWasLeftOut = false;
  for (const rule of matched) {
    for (const [key, value] of rule.annotations) {
      const isTaken = (pod.annotations.has(key) && !isFreePin(key, pod.annotations)) || annotations.has(key);
      const isPin = key === PIN || key === LEGACY_PIN;
      if (isTaken || (isPin && value === '')) continue;
      if (isPin && pinState(value, caches, now) === 'PinNotReady') aPinWasLeftOut = true;
      else annotations.set(key, value);
    }
    for (const [key, value] of rule.labels) {
      if (!pod.labels.has(key) && !labels.has(key)) labels.set(key, value);
    }
  }
  return { matched, annotations, labels, aPinWasLeftOut };
}

// ---------------------------------------------------------------------------------------------------------------------
// M1, M2, M10: what the annotations ask for

/** M1. */
function pinState(id: string, caches: readonly Cache[], now: number): 'Pinned' | 'PinUnknown' | 'PinNotReady' {
  const known = caches.filter((cache) => cache.id === id);
  if (known.length === 0) return 'PinUnknown';
  return known.some((cache) => isWorking(cache, now)) ? 'Pinned' : 'PinNotReady';
}

/** Section 1: the pin in force; an empty one is none, and then the legacy key is read. */
function readPin(annotations: ReadonlyMap<string, string>): string {
  return annotations.get(PIN) || annotations.get(LEGACY_PIN) || '';
}

interface Wishes {
  readonly auto: boolean;
  readonly perfect: boolean;
  readonly count: number | undefined;
  readonly anIllegalValue: boolean;
  /** A restriction key with a legal value is there. */
  readonly aRestriction: boolean;
}

/** M10. */
function readBoolean(value: string): boolean | undefined {
  const word = value.trim().toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : undefined;
}

/** M10. */
function readCount(value: string): number | undefined {
  const digits = value.trim();
  if (!/^[0-9]+$/.test(digits)) return undefined;
  const count = Number(digits);
  return count >= 1 ? count : undefined;
}

function readWishes(annotations: ReadonlyMap<string, string>): Wishes {
  const autoText = annotations.has(AUTO) ? annotations.get(AUTO) : annotations.get(LEGACY_AUTO);
  const perfectText = annotations.get(PERFECT);
  const countText = annotations.get(COUNT);
  const auto = autoText === undefined ? undefined : readBoolean(autoText);
  const perfect = perfectText === undefined ? undefined : readBoolean(perfectText);
  const count = countText === undefined ? undefined : readCount(countText);
  return {
    auto: auto ?? true,
    perfect: perfect ?? false,
    count,
    anIllegalValue:
      (autoText !== undefined && auto === undefined) ||
      (perfectText !== undefined && perfect === undefined) ||
      (countText !== undefined && count === undefined),
    aRestriction: perfect !== undefined || count !== undefined,
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// M3 to M8: automatic mode

interface Candidate {
  readonly cache: Cache;
  readonly exact: readonly PodImage[];
  readonly byRepository: number;
  readonly matchedSize: number;
}

/** M3. */
function candidatesFor(
  pod: Pod,
  images: readonly PodImage[],
  caches: readonly Cache[],
  settings: OracleSettings,
  now: number,
): Candidate[] {
  const arch = wantedPlatform(pod.json, 'arch');
  const os = wantedPlatform(pod.json, 'os');
  return caches
    .filter((cache) => isUsable(cache, settings, now))
    .filter((cache) => cache.arch === arch && cache.os === os)
    .filter((cache) => cache.privateTo === undefined || cache.privateTo === pod.namespace)
    .map((cache) => {
      const exact = images.filter((image) => matchesExactly(image, cache));
      return {
        cache,
        exact,
        byRepository: images.filter((image) => matchesRepository(image, cache, settings)).length,
        matchedSize: exact.reduce((sum, image) => sum + sizeOf(image.key, caches), 0),
      };
    })
    .filter(({ exact }) => exact.length > 0);
}

/** M4. */
function byRank(a: Candidate, b: Candidate): number {
  if (a.exact.length !== b.exact.length) return b.exact.length - a.exact.length;
  if (a.byRepository !== b.byRepository) return b.byRepository - a.byRepository;
  if (a.matchedSize !== b.matchedSize) return b.matchedSize > a.matchedSize ? 1 : -1;
  const [createdA, createdB] = [a.cache.created ?? -Infinity, b.cache.created ?? -Infinity];
  if (createdA !== createdB) return createdB > createdA ? 1 : -1;
  return byCodeUnit(a.cache.name, b.cache.name);
}

interface Verdict {
  readonly outcome: Outcome;
  readonly cache?: string;
  /** The pin we inject, or would (M7). */
  readonly inject?: string;
  /** M8: the pod is left to ECI's automatic mode. */
  readonly leaveToEci: boolean;
  readonly counts?: { readonly exact: number; readonly images: number; readonly missing: readonly PodImage[] };
  /** Exactly matched images of the first candidate. */
  readonly matched: readonly PodImage[];
}

/** M1, M2: the name a pin stands for; of several caches with one id a working one, then by name. */
function cacheOfPin(id: string, caches: readonly Cache[], now: number): string | undefined {
  return caches
    .filter((cache) => cache.id === id)
    .toSorted((a, b) => Number(isWorking(b, now)) - Number(isWorking(a, now)) || byCodeUnit(a.name, b.name))[0]?.name;
}

/** M5, M6, M7: outcome of automatic mode and whether it pins. */
function judge(
  ranked: readonly Candidate[],
  imageCount: number,
  wishes: Wishes,
  settings: OracleSettings,
): { outcome: Outcome; pinned?: Candidate } {
  const remaining = ranked.filter(({ exact }) => {
    if (wishes.perfect) return exact.length === imageCount;
    if (wishes.count !== undefined) return exact.length >= wishes.count;
    return true;
  });
  const first = remaining[0];
  if (first === undefined) {
    if (wishes.perfect) return { outcome: 'PerfectMatchUnsatisfied' };
    return { outcome: wishes.count === undefined ? 'NoMatch' : 'MatchCountUnsatisfied' };
  }
  if (first.exact.length === imageCount) return { outcome: 'CompleteMatch', pinned: first };
  const autoPins = settings.driver !== 'external' || wishes.count !== undefined;
  const pins = settings.partialMatch === 'pin' || (settings.partialMatch === 'auto' && autoPins);
  return pins ? { outcome: 'PartialMatch', pinned: first } : { outcome: 'PartialMatch' };
}

/** M1 to M8 on the pod after its effects. */
function decide(
  pod: Pod,
  annotations: ReadonlyMap<string, string>,
  images: readonly PodImage[],
  caches: readonly Cache[],
  settings: OracleSettings,
  now: number,
): Verdict {
  const pin = readPin(annotations);
  const wishes = readWishes(annotations);
  if (pin !== '') {
    const cache = cacheOfPin(pin, caches, now);
    const outcome = pinState(pin, caches, now);
    return { outcome, leaveToEci: false, matched: [], ...(cache === undefined ? {} : { cache }) };
  }
  if (!wishes.auto) return { outcome: 'AutoDisabled', leaveToEci: false, matched: [] };

  const ranked = candidatesFor(pod, images, caches, settings, now).toSorted(byRank);
  const { outcome, pinned } = judge(ranked, images.length, wishes, settings);
  const first = ranked[0];
  const matched = first?.exact ?? [];
  return {
    outcome,
    leaveToEci: pinned === undefined,
    matched,
    counts: {
      exact: matched.length,
      images: images.length,
      missing: images.filter((image) => !matched.includes(image)),
    },
    ...(first === undefined ? {} : { cache: first.cache.name }),
    ...(pinned === undefined ? {} : { inject: pinned.cache.id }),
  };
}

/** M1: the conditions under which a pin that is not ready is refused. The watch is taken as fresh. */
function isDenied(pod: Pod, pin: string, caches: readonly Cache[], settings: OracleSettings): boolean {
  const pinStandsOnThePod = readPin(pod.annotations) === pin;
  const noneIsReady = caches.filter((cache) => cache.id === pin).every((cache) => cache.phase !== 'Ready');
  const boundToEci = hasEciLabel(pod) || namespaceIsEci(pod) || selectsVirtualNode(pod) || isVirtualNode(nodeName(pod));
  return (
    settings.unreadyPin === 'deny' && settings.mode === 'enforce' && pinStandsOnThePod && noneIsReady && boundToEci
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// A2: the decision as text

interface DecisionParts {
  readonly outcome: string;
  readonly cache: string | undefined;
  readonly id: string | undefined;
  readonly would: string | undefined;
  readonly exact: number | undefined;
  readonly images: number | undefined;
  readonly missing: readonly string[];
  readonly rules: readonly string[];
}

function jsonObject(members: readonly (readonly [string, string | undefined])[]): string {
  return `{${members.flatMap(([key, json]) => (json === undefined ? [] : [`${JSON.stringify(key)}:${json}`])).join(',')}}`;
}

function jsonList(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : JSON.stringify(values);
}

function jsonMap(map: ReadonlyMap<string, string>): string | undefined {
  if (map.size === 0) return undefined;
  const sorted = [...map].toSorted(([a], [b]) => byCodeUnit(a, b));
  return jsonObject(sorted.map(([key, value]) => [key, JSON.stringify(value)]));
}

function jsonOf(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

/** A2: keys in their order, absent parts left out. */
function writeDecision(parts: DecisionParts, added: string | undefined): string {
  return jsonObject([
    ['outcome', jsonOf(parts.outcome)],
    ['cache', jsonOf(parts.cache)],
    ['id', jsonOf(parts.id)],
    ['would', jsonOf(parts.would)],
    ['exact', jsonOf(parts.exact)],
    ['images', jsonOf(parts.images)],
    ['missing', jsonList(parts.missing)],
    ['rules', jsonList(parts.rules)],
    ['added', added],
  ]);
}

function cut(values: readonly string[], keep: number): readonly string[] {
  return keep >= values.length ? values : [...values.slice(0, keep), `+${values.length - keep} more`];
}

/** A2: under 4 KiB without `added`; first `missing` is cut as far as needed, then `rules`. */
function decisionText(parts: DecisionParts, annotations: Map<string, string>, labels: Map<string, string>): string {
  const fits = (candidate: DecisionParts): boolean => utf8Length(writeDecision(candidate, undefined)) < 4096;
  let fitting = parts;
  for (let keep = parts.missing.length - 1; keep >= 0 && !fits(fitting); keep--) {
    fitting = { ...fitting, missing: cut(parts.missing, keep) };
  }
  for (let keep = parts.rules.length - 1; keep >= 0 && !fits(fitting); keep--) {
    fitting = { ...fitting, rules: cut(parts.rules, keep) };
  }
  const added = jsonObject([
    ['annotations', jsonMap(annotations)],
    ['labels', jsonMap(labels)],
  ]);
  return writeDecision(fitting, added === '{}' ? undefined : added);
}

// ---------------------------------------------------------------------------------------------------------------------
// A3, A6 and the whole answer

/** A3. */
function warningKinds(
  verdict: Verdict,
  wishes: Wishes,
  effects: Effects,
  containers: readonly Container[],
): WarningKind[] {
  const isPin = ['Pinned', 'PinUnknown', 'PinNotReady'].includes(verdict.outcome);
  const missing = verdict.counts?.missing ?? [];
  const isMatch = verdict.outcome === 'CompleteMatch' || verdict.outcome === 'PartialMatch';
  const matchedKeys = verdict.matched.map(({ key }) => key);
  const holdsTrue: Readonly<Record<WarningKind, boolean>> = {
    pinNotReady: verdict.outcome === 'PinNotReady',
    pinUnknown: verdict.outcome === 'PinUnknown',
    rulePinLeftOut: effects.aPinWasLeftOut,
    illegalValue: wishes.anIllegalValue,
    ignoredKeys: wishes.aRestriction && (isPin || verdict.outcome === 'AutoDisabled'),
    mutableTag: missing.some(
      ({ reference }) => reference?.digest === undefined && mutableTags.includes(reference?.tag ?? ''),
    ),
    pullAlways:
      isMatch && containers.some(({ image, pullPolicy }) => pullPolicy === 'Always' && matchedKeys.includes(image.key)),
  };
  return warningOrder.filter((kind) => holdsTrue[kind]);
}

/** A6: what we add is legal, every value is a string, the annotations stay within 256 KiB. */
function isHarmless(
  before: unknown,
  finalAnnotations: ReadonlyMap<string, string>,
  finalLabels: ReadonlyMap<string, string>,
): boolean {
  const rawMaps = [member(before, 'metadata', 'annotations'), member(before, 'metadata', 'labels')];
  const allStrings = rawMaps.every(
    (map) => !isObject(map) || Object.values(map).every((value) => typeof value === 'string'),
  );
  const [annotationsBefore, labelsBefore] = rawMaps.map(stringMap);
  const ourAnnotations = [...finalAnnotations].filter(([key, value]) => annotationsBefore?.get(key) !== value);
  const ourLabels = [...finalLabels].filter(([key, value]) => labelsBefore?.get(key) !== value);
  const size = [...finalAnnotations].reduce((sum, [key, value]) => sum + utf8Length(key) + utf8Length(value), 0);
  return (
    allStrings &&
    ourAnnotations.every(([key]) => isAnnotationKey(key)) &&
    ourLabels.every(([key, value]) => isLabelKey(key) && isLabelValue(value)) &&
    size <= 256 * 1024
  );
}

function sortedEntries(map: unknown): Entries {
  const entries = map instanceof Map ? [...(map as Map<string, string>)] : isObject(map) ? Object.entries(map) : [];
  return entries.toSorted(([a], [b]) => byCodeUnit(a, b));
}

/** The maps of a pod that we leave as it is. */
function unchanged(pod: unknown): { finalAnnotations: Entries; finalLabels: Entries } {
  return {
    finalAnnotations: sortedEntries(member(pod, 'metadata', 'annotations')),
    finalLabels: sortedEntries(member(pod, 'metadata', 'labels')),
  };
}

/** A3: `outcome`, `cache`, `rules`; after an earlier decision only if none of the three has changed. */
function auditAnnotations(decision: Decision, former: FormerDecision | undefined): Record<string, string> {
  const three = (json: unknown): string =>
    JSON.stringify(['outcome', 'cache', 'rules'].map((key) => member(json, key) ?? null));
  if (former !== undefined && three(former.json) !== three(decision)) return {};
  return {
    outcome: decision.outcome,
    ...(decision.cache === undefined ? {} : { cache: decision.cache }),
    ...(decision.rules === undefined ? {} : { rules: decision.rules.join(',') }),
  };
}

/** The whole contract of sections 1 to 6 for one review. */
export function expectedAnswer(
  reviewJson: unknown,
  world: World,
  settings: OracleSettings,
  nowMs: number,
): ExpectedAnswer {
  const field = malformedField(reviewJson);
  if (field !== undefined) return { httpStatus: 400, field };
  const request = member(reviewJson, 'request') as JsonObject;
  const skipped = { httpStatus: 200, allowed: true, outcome: 'Skipped', warningKinds: [] } as const;
  const notAPod = reviewKind(request);
  if (notAPod !== undefined) return { ...skipped, reason: notAPod, auditAnnotations: { outcome: 'Skipped' } };

  const object = member(request, 'object');
  const rules = parseSelectors(world.selectors).rules;
  const pod = readPod(object, reviewNamespace(request), rules, world);
  const reason = skipReason(pod, rules, settings);
  if (reason !== undefined) {
    return { ...skipped, reason, ...unchanged(object), auditAnnotations: { outcome: 'Skipped' } };
  }
  return answerHandled(object, pod, rules, world, settings, nowMs);
}

/** M11: the pod without what we added earlier. */
function readPod(object: unknown, namespace: string, rules: readonly Rule[], world: World): Pod {
  const annotations = stringMap(member(object, 'metadata', 'annotations'));
  const labels = stringMap(member(object, 'metadata', 'labels'));
  const former = readFormerDecision(annotations);
  annotations.delete(DECISION);
  const annotationKeys = [...vendorKeys, IGNORE, ...rules.flatMap((rule) => [...rule.annotations.keys()])];
  const labelKeys = [IGNORE, ...rules.flatMap((rule) => [...rule.labels.keys()])];
  return {
    json: object,
    annotations: withoutOurs(annotations, former?.annotations, annotationKeys),
    labels: withoutOurs(labels, former?.labels, labelKeys),
    namespace,
    namespaceLabels: labelsOfNamespace(namespace, world),
  };
}

/** Sections 3, 5 and 6 for a pod that passed the gate. */
function answerHandled(
  object: unknown,
  pod: Pod,
  rules: readonly Rule[],
  world: World,
  settings: OracleSettings,
  now: number,
): ExpectedAnswer {
  const caches = world.imageCaches.map(readCache);
  const effects = effectsOf(pod, rules, caches, now);
  const effective = new Map([...pod.annotations, ...effects.annotations]);
  const containers = readContainers(object);
  const verdict = decide(pod, effective, distinctImages(containers), caches, settings, now);
  const kinds = settings.warnings === 'off' ? [] : warningKinds(verdict, readWishes(effective), effects, containers);

  if (verdict.outcome === 'PinNotReady' && isDenied(pod, readPin(effective), caches, settings)) {
    const audit = auditAnnotations(
      JSON.parse(decisionText(partsOf(verdict, effects, 'enforce'), new Map(), new Map())) as Decision,
      readFormerDecision(stringMap(member(object, 'metadata', 'annotations'))),
    );
    return {
      httpStatus: 200,
      allowed: false,
      outcome: 'PinNotReady',
      statusCode: 422,
      ...unchanged(object),
      auditAnnotations: audit,
      warningKinds: kinds,
    };
  }

  // M7, M8, M12: what is written beside the decision.
  const addedAnnotations = new Map<string, string>();
  const addedLabels = new Map<string, string>();
  if (settings.mode === 'enforce') {
    for (const [key, value] of effects.annotations) addedAnnotations.set(key, value);
    for (const [key, value] of effects.labels) addedLabels.set(key, value);
    if (verdict.inject !== undefined) addedAnnotations.set(PIN, verdict.inject);
    if (verdict.leaveToEci && !effective.has(AUTO) && !effective.has(LEGACY_AUTO)) addedAnnotations.set(AUTO, 'true');
  }

  const written = decisionText(partsOf(verdict, effects, settings.mode), addedAnnotations, addedLabels);
  const finalAnnotations = new Map([...pod.annotations, ...addedAnnotations, [DECISION, written]]);
  const finalLabels = new Map([...pod.labels, ...addedLabels]);
  if (!isHarmless(object, finalAnnotations, finalLabels)) {
    const outcome = 'Error';
    return {
      httpStatus: 200,
      allowed: true,
      outcome,
      ...unchanged(object),
      auditAnnotations: { outcome },
      warningKinds: [],
    };
  }
  const decision = JSON.parse(written) as Decision;
  return {
    httpStatus: 200,
    allowed: true,
    outcome: verdict.outcome,
    finalAnnotations: sortedEntries(finalAnnotations),
    finalLabels: sortedEntries(finalLabels),
    decision,
    decisionText: written,
    auditAnnotations: auditAnnotations(
      decision,
      readFormerDecision(stringMap(member(object, 'metadata', 'annotations'))),
    ),
    warningKinds: kinds,
  };
}

/** A2, M12: the parts of the decision; `would` instead of `id` when we only observe. */
function partsOf(verdict: Verdict, effects: Effects, mode: OracleSettings['mode']): DecisionParts {
  return {
    outcome: verdict.outcome,
    cache: verdict.cache,
    id: mode === 'enforce' ? verdict.inject : undefined,
    would: mode === 'observe' ? verdict.inject : undefined,
    exact: verdict.counts?.exact,
    images: verdict.counts?.images,
    missing: (verdict.counts?.missing ?? []).map(({ key, reference }) =>
      reference === undefined ? key.slice(0, 256) : key,
    ),
    rules: distinct(effects.matched.map(({ name }) => name)),
  };
}
