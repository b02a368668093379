import type { JsonObject } from './json.ts';
import { isJsonObject, textMember } from './json.ts';
import type { Origin, Position } from './manifest-error.ts';
import { ManifestError } from './manifest-error.ts';
import { jsonSyntaxError, readJson } from './manifest-json.ts';
import { readSimpleYaml } from './manifest-simple-yaml.ts';
import type { ManifestDocument, Path } from './manifest-text.ts';
import { ManifestText } from './manifest-text.ts';
import { readYaml } from './manifest-yaml.ts';

/** An object of a manifest file, and where it stands there. */
export interface ManifestObject {
  readonly value: JsonObject;
  readonly origin: Origin;
}

/** A larger file is refused: it is no manifest, or one to be split. */
export const MANIFEST_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * The objects of a manifest file: YAML or JSON, any number of documents, Lists taken apart. Values stay what they are
 * in YAML 1.2; keys such as `__proto__` are plain data.
 *
 * @param file - the file as the user named it, for messages.
 * @throws ManifestError with `file:line:column` and what to do, for the first thing that cannot be used.
 */
export function parseManifests(file: string, text: string): ManifestObject[] {
  if (text.length > MANIFEST_LIMIT_BYTES) throw oversizedManifest(file);
  const source = new ManifestText(file, text.startsWith('\uFEFF') ? text.slice(1) : text);
  const binary = text.indexOf('\0');
  if (binary !== -1) throw source.error(binary, 'this is binary data, not text; expected YAML or JSON in UTF-8');
  const objects: ManifestObject[] = [];
  for (const document of readDocuments(source)) {
    collect(document.value, new DocumentOrigin(source, document, []), objects);
  }
  return objects;
}

/**
 * The text of a file.
 *
 * @throws ManifestError for what is not UTF-8, or too large.
 */
export function decodeUtf8(file: string, bytes: Uint8Array): string {
  if (bytes.length > MANIFEST_LIMIT_BYTES) throw oversizedManifest(file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const text = new TextDecoder('utf-8').decode(bytes);
    const problem = 'this is no UTF-8 text; save the file as UTF-8';
    throw new ManifestText(file, text).error(Math.max(0, text.indexOf('\uFFFD')), problem, cause);
  }
}

/** The error about a file above {@link MANIFEST_LIMIT_BYTES}, for who knows its size before reading it. */
export function oversizedManifest(file: string): ManifestError {
  const limit = `${MANIFEST_LIMIT_BYTES / 1024 / 1024} MiB`;
  return new ManifestError(`larger than ${limit}, the most a manifest file may have; split it`, { location: file });
}

function readDocuments(source: ManifestText): readonly ManifestDocument[] {
  const documents = readJson(source);
  if (documents !== undefined) return documents;
  const simple = readSimpleYaml(source.text);
  if (simple !== undefined) return simple;
  try {
    return readYaml(source);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    throw jsonSyntaxError(source) ?? error;
  }
}

/** Adds an object, or what a List holds. */
function collect(value: unknown, origin: DocumentOrigin, objects: ManifestObject[]): void {
  if (!isJsonObject(value)) {
    throw ManifestError.at(origin, [], `expected an object with apiVersion and kind, found ${describe(value)}`);
  }
  const kind = textMember(value, 'kind');
  const items = Object.hasOwn(value, 'items') ? value['items'] : undefined;
  if (kind !== 'List' && !(kind.endsWith('List') && Array.isArray(items))) {
    objects.push({ value, origin });
    return;
  }
  if (items === undefined || items === null) return;
  if (!Array.isArray(items)) throw ManifestError.at(origin, ['items'], 'expected a list of objects');
  for (const [i, item] of items.entries()) collect(itemOf(value, kind, item), origin.under(['items', i]), objects);
}

/** What an API server lists has no apiVersion and kind of its own; the list's name tells them. */
function itemOf(list: JsonObject, listKind: string, item: unknown): unknown {
  if (listKind === 'List' || !isJsonObject(item) || Object.hasOwn(item, 'kind')) return item;
  return { apiVersion: list['apiVersion'], kind: listKind.slice(0, -'List'.length), ...item };
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list; write several objects as documents (---) or as items of kind: List';
  if (value === null) return 'nothing';
  if (typeof value !== 'string') return `a ${typeof value}`;
  return /^[\w.-]+:\S/.test(value) ? 'a text; a blank is missing after the colon' : 'a text';
}

/** Finds the values of one object in its file. */
class DocumentOrigin implements Origin {
  readonly file: string;
  readonly #source: ManifestText;
  readonly #document: ManifestDocument;
  readonly #prefix: Path;

  constructor(source: ManifestText, document: ManifestDocument, prefix: Path) {
    this.file = source.file;
    this.#source = source;
    this.#document = document;
    this.#prefix = prefix;
  }

  under(path: Path): DocumentOrigin {
    return new DocumentOrigin(this.#source, this.#document, [...this.#prefix, ...path]);
  }

  position(path: Path): Position | undefined {
    const place = this.#document.place([...this.#prefix, ...path]);
    return place && this.#source.positionAt(place.start);
  }

  keyPosition(path: Path): Position | undefined {
    const place = this.#document.place([...this.#prefix, ...path]);
    return place && this.#source.positionAt(place.key ?? place.start);
  }

  positionIn(path: Path, offset: number): Position | undefined {
    const place = this.#document.place([...this.#prefix, ...path]);
    if (place?.spelling === undefined) return undefined;
    return this.#source.positionAt(this.#source.offsetIn(place, offset));
  }
}
