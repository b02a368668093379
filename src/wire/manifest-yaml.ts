import type { Alias, Document, ErrorCode, ParsedNode, YAMLMap, YAMLParseError } from 'yaml';
import { isAlias, isCollection, isMap, isScalar, isSeq, parseAllDocuments, visit } from 'yaml';
import type { JsonObject } from './json.ts';
import { isJsonObject } from './json.ts';
import type { ManifestError } from './manifest-error.ts';
import type { ManifestDocument, ManifestText, Path, Place, Spelling } from './manifest-text.ts';
import { duplicateKeyProblem } from './manifest-text.ts';

/**
 * The documents of a YAML file: YAML 1.2 with the core schema, and merge keys as kubectl has them. Empty documents are
 * left out. Every value stands alone: what an alias repeats is copied, so no part is shared.
 *
 * @throws ManifestError for the first thing that is not valid.
 */
export function readYaml(source: ManifestText): readonly ManifestDocument[] {
  const documents = [...parseAllDocuments(source.text, PARSE_OPTIONS)];
  for (const { errors } of documents) if (errors[0] !== undefined) throw syntaxError(source, documents, errors[0]);
  return documents.map((document) => documentOf(source, document)).filter(({ value }) => value !== null);
}

/**
 * Duplicate keys are found by {@link YamlReader}: the library would compare each key with each other. The schema holds
 * whatever a `%YAML` line says, so that a text stays a text.
 */
const PARSE_OPTIONS = {
  schema: 'core',
  resolveKnownTags: false,
  stringKeys: true,
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'error',
} as const;

type YamlDocument = Document.Parsed;

function documentOf(source: ManifestText, document: YamlDocument): ManifestDocument {
  const reader = new YamlReader(source);
  const root: ParsedNode | null = document.contents;
  return {
    value: root === null ? null : reader.read(root),
    place: (path) => (root === null ? undefined : reader.place(root, path)),
  };
}

/** How many values the aliases of one document may stand for: far above any real file, far below what fills memory. */
const ALIASED_VALUES_LIMIT = 200_000;

/** Turns the syntax tree of one document into plain data. */
class YamlReader {
  readonly #source: ManifestText;
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #targets = new Map<ParsedNode, ParsedNode>();
  readonly #open = new Set<ParsedNode>();
  #aliasDepth = 0;
  #aliasedValues = 0;

  constructor(source: ManifestText) {
    this.#source = source;
  }

  read(node: ParsedNode): unknown {
    if (isAlias(node)) return this.#readAlias(node);
    if (this.#aliasDepth > 0) this.#countAliased(node);
    else if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return node.value;
    this.#open.add(node);
    const value = isMap(node) ? this.#readMap(node) : node.items.map((item) => this.read(item));
    this.#open.delete(node);
    return value;
  }

  #readMap(map: YAMLMap.Parsed): JsonObject {
    const object: JsonObject = {};
    let merged: readonly JsonObject[] | undefined;
    for (const { key, value } of map.items) {
      const name = String(isScalar(key) ? key.value : key);
      if (isMergeKey(key) && value !== null && merged === undefined) {
        merged = this.#readMerged(value);
        continue;
      }
      if (Object.hasOwn(object, name)) throw this.#source.error(key.range[0], duplicateKeyProblem(name));
      put(object, name, value === null ? null : this.read(value));
    }
    for (const source of merged ?? []) {
      for (const [name, value] of Object.entries(source)) if (!Object.hasOwn(object, name)) put(object, name, value);
    }
    return object;
  }

  /** What a merge key brings in: one object, or several of which the earlier win. */
  #readMerged(node: ParsedNode): readonly JsonObject[] {
    const value = this.read(node);
    const objects = Array.isArray(value) ? value : [value];
    if (objects.every(isJsonObject)) return objects;
    throw this.#source.error(node.range[0], 'the key "<<" merges objects: expected an alias of one, or a list of them');
  }

  #readAlias(alias: Alias.Parsed): unknown {
    const target = this.#targets.get(alias) ?? this.#anchors.get(alias.source);
    if (target === undefined) {
      throw this.#source.error(alias.range[0], `no anchor &${alias.source} stands above this alias; add it`);
    }
    if (this.#open.has(target)) {
      throw this.#source.error(
        alias.range[0],
        `the alias *${alias.source} stands inside what it repeats; write it out`,
      );
    }
    this.#targets.set(alias, target);
    this.#aliasDepth += 1;
    const value = this.read(target);
    this.#aliasDepth -= 1;
    return value;
  }

  #countAliased(node: ParsedNode): void {
    this.#aliasedValues += 1;
    if (this.#aliasedValues <= ALIASED_VALUES_LIMIT) return;
    const problem = `the aliases of this document stand for more than ${ALIASED_VALUES_LIMIT} values; write fewer`;
    throw this.#source.error(node.range[0], problem);
  }

  /** Where the value at a path stands, or the nearest above it. */
  place(root: ParsedNode, path: Path): Place {
    let node = root;
    let key: number | undefined;
    for (const step of path) {
      const next = this.#child(node, step);
      if (next === undefined) return { start: node.range[0] };
      ({ node, key } = next);
    }
    const place = { start: node.range[0], ...(key === undefined ? {} : { key }) };
    if (!isScalar(node) || typeof node.value !== 'string') return place;
    const { value, type } = node;
    return { ...place, spelling: { value, style: (type && STYLES[type]) ?? 'plain' } };
  }

  /** An item of a list, or the value of a member and the offset of its key. */
  #child(node: ParsedNode, step: string | number): { node: ParsedNode; key: number | undefined } | undefined {
    const target = isAlias(node) ? this.#targets.get(node) : node;
    if (isSeq(target)) {
      const item = target.items[Number(step)];
      return item && { node: item, key: undefined };
    }
    if (!isMap(target)) return undefined;
    const own = target.items.find(({ key }) => isScalar(key) && key.value === String(step) && !isMergeKey(key));
    if (own !== undefined) return own.value === null ? undefined : { node: own.value, key: own.key.range[0] };
    const merged = target.items.find(({ key }) => isMergeKey(key))?.value;
    for (const source of isSeq(merged) ? merged.items : [merged]) {
      const found = source && this.#child(source, step);
      if (found) return found;
    }
    return undefined;
  }
}

const STYLES: Readonly<Record<string, Spelling['style']>> = {
  BLOCK_LITERAL: 'block',
  BLOCK_FOLDED: 'block',
  QUOTE_DOUBLE: 'double',
  QUOTE_SINGLE: 'single',
};

/** `<<` without quotes. */
function isMergeKey(key: ParsedNode): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

/** Sets a member of its own, `__proto__` like any other. */
function put(object: JsonObject, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[name] = value;
  }
}

function syntaxError(source: ManifestText, documents: readonly YamlDocument[], error: YAMLParseError): ManifestError {
  const [offset] = error.pos;
  const isOpen = error.message.startsWith('Missing closing') || error.message.includes('and end with');
  const opened = isOpen ? openedAt(documents, offset) : undefined;
  if (opened !== undefined) {
    return source.error(
      opened,
      `not valid YAML: what is opened here is never closed; close it (is the file complete?)`,
    );
  }
  const message = `${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`;
  return source.error(offset, `not valid YAML: ${message}; ${ADVICE[error.code] ?? 'correct it here'}`, error);
}

const ADVICE: Readonly<Partial<Record<ErrorCode, string>>> = {
  TAB_AS_INDENT: 'indent with blanks',
  BAD_INDENT: 'line it up with its neighbours',
  BAD_SCALAR_START: 'put the text in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'put a text that holds ": " in quotes, or start the mapping on its own line',
  MULTILINE_IMPLICIT_KEY: 'a colon is missing, or the indentation is wrong',
  MISSING_CHAR: 'add it, or correct the indentation',
  NON_STRING_KEY: 'write the key as a text',
  RESOURCE_EXHAUSTION: 'nest less deeply',
};

/** Where the innermost quote or bracket that is still open at an offset was opened. */
function openedAt(documents: readonly YamlDocument[], offset: number): number | undefined {
  let start: number | undefined;
  for (const document of documents) {
    visit(document, {
      Node: (_key, node) => {
        const isFlow = isCollection(node) ? node.flow : isScalar(node) && node.type?.startsWith('QUOTE') === true;
        if (isFlow && node.range != null && node.range[1] >= offset) start = node.range[0];
      },
    });
  }
  return start;
}
