import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type YAMLMap,
} from 'yaml';
import type { ConfigProblem } from './config-error.ts';
import { SETTING_KEYS } from './definitions.ts';

/** A value somebody gave for a key that may or may not be a setting. */
export interface GivenSetting {
  readonly key: string;
  readonly value: unknown;
  /** Where it came from, ready to print. */
  readonly origin: string;
}

/** What a settings file says, and what cannot be understood of it. */
export interface SettingsFile {
  readonly given: readonly GivenSetting[];
  readonly problems: readonly ConfigProblem[];
}

/**
 * Reads a YAML or JSON text of settings, nested as in `log: { level: debug }`, to dotted keys with their positions.
 * A key with no value is as good as absent, as everywhere in Kubernetes.
 *
 * @param name - the file as the user named it.
 */
export function parseSettingsFile(text: string, name: string): SettingsFile {
  const lines = new LineCounter();
  const place = (offset: number | undefined) => {
    if (offset === undefined) return name;
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const documents = [...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, stringKeys: true })];
  const complaints = documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]);
  if (complaints.length > 0) {
    // One mistake often gives several complaints about the same place, of which the first is the clearest.
    const first = new Map(complaints.map(({ pos, message }) => [place(pos[0]), message] as const).toReversed());
    const problems = [...first].map(([origin, message]) => ({
      key: '',
      origin,
      problem: `not valid YAML: ${message}`,
    }));
    return { given: [], problems: problems.toReversed() };
  }
  const [document, another] = documents.filter(({ contents }) => contents !== null && !isEmpty(contents));
  if (document === undefined) return { given: [], problems: [] };
  if (another !== undefined) {
    const origin = place(another.contents?.range?.[0]);
    return { given: [], problems: [{ key: '', origin, problem: 'expected one document; remove this one' }] };
  }
  return readDocument(document, place);
}

type Place = (offset: number | undefined) => string;

const GROUPS: ReadonlySet<string> = new Set(
  SETTING_KEYS.filter((key) => key.includes('.')).map((key) => key.slice(0, key.lastIndexOf('.'))),
);

function readDocument(document: Document, place: Place): SettingsFile {
  const given: GivenSetting[] = [];
  const problems: ConfigProblem[] = [];
  const resolve = (node: unknown) => (isAlias(node) ? node.resolve(document) : node);

  const readMap = (map: YAMLMap, prefix: string) => {
    for (const pair of map.items) {
      // stringKeys makes every key a scalar.
      const keyNode = pair.key as Node;
      const name = isScalar(keyNode) ? String(keyNode.value) : '';
      const key = prefix + name;
      const value = resolve(pair.value);
      const keyOrigin = place(keyNode.range?.[0]);
      // The parser gives a node or nothing for a value, and a node of no length where nothing stands.
      const valueNode = pair.value as Node | null;
      const origin = valueNode === null || isEmpty(valueNode) ? keyOrigin : place(valueNode.range?.[0]);
      if (name.includes('.') && isSetting(key)) {
        problems.push({ key, origin: keyOrigin, problem: `unknown setting; write it as ${nested(key)}` });
      } else if (value === undefined) {
        problems.push({ key, origin, problem: 'no anchor comes before this alias; write the value itself' });
      } else if (GROUPS.has(key)) {
        if (isMap(value)) readMap(value, `${key}.`);
        else if (!isNull(value)) problems.push({ key, origin, problem: `expected a mapping such as ${example(key)}` });
      } else if (!isSetting(key)) {
        given.push({ key, value: undefined, origin: keyOrigin });
      } else if (!isNull(value)) {
        given.push({ key, value: plainValue(value), origin });
      }
    }
  };

  const root = document.contents;
  if (isMap(root)) readMap(root, '');
  else
    problems.push({
      key: '',
      origin: place(root?.range?.[0]),
      problem: 'expected a mapping such as { mode: observe }',
    });
  return { given, problems };
}

/**
 * Collections in collections become empty ones, and so do mappings: no setting takes them, and so no alias bomb is ever
 * unfolded.
 */
function plainValue(node: unknown): unknown {
  if (isScalar(node)) return node.value;
  return isSeq(node) ? node.items.map((item) => (isScalar(item) ? item.value : {})) : {};
}

function isSetting(key: string): boolean {
  return SETTING_KEYS.some((known) => known === key);
}

function isNull(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

/** Whether the text holds nothing where the node stands. */
function isEmpty(node: Node): boolean {
  return isScalar(node) && node.value === null && (node.source ?? '') === '';
}

function example(group: string): string {
  return nested(SETTING_KEYS.find((key) => key.startsWith(`${group}.`)) ?? group);
}

/** `log.level` as `log: { level: … }` */
function nested(key: string): string {
  const [first, ...rest] = key.split('.');
  return rest.reduceRight((inner, step) => `{ ${step}: ${inner} }`, '…').replace(/^/, `${first}: `);
}
