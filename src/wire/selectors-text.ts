import type { Node, ParseError } from 'jsonc-parser';
import { findNodeAtLocation, parseTree, printParseErrorCode } from 'jsonc-parser';
import { member } from './json.ts';
import { ECI_PROFILE } from './kinds.ts';
import type { Origin, Position } from './manifest-error.ts';
import { formatPath, ManifestError } from './manifest-error.ts';
import type { Path } from './manifest-text.ts';

/** Where a `selectors` text stands, so that a message can point into its file. */
export interface SelectorsPlace {
  readonly origin: Origin;
  readonly path: Path;
}

/** The `selectors` text of an eci-profile, and the places in it: of its own file where one is known. */
export class SelectorsText {
  readonly #text: string;
  readonly #place: SelectorsPlace | undefined;
  #json: unknown;
  #tree: Node | undefined;

  constructor(text: string, place: SelectorsPlace | undefined) {
    this.#text = text;
    this.#place = place;
  }

  /** @throws ManifestError when the text is no JSON. */
  parse(): unknown {
    try {
      this.#json = JSON.parse(this.#text);
      return this.#json;
    } catch (cause) {
      throw this.#syntaxError(cause);
    }
  }

  /** An error about a value, with the name of the rule it belongs to (spec P6). */
  error(path: Path, problem: string): ManifestError {
    const name = member(Array.isArray(this.#json) ? this.#json[Number(path[0] ?? -1)] : undefined, 'name');
    const rule = typeof name === 'string' && name !== '' ? `rule ${JSON.stringify(name)}: ` : '';
    return this.#errorAt(this.#offsetOf(path, 'value'), `${ECI_PROFILE.key}${formatPath(path)}`, `${rule}${problem}`);
  }

  /** Where a value, or the key it stands under, is to be found in the file; the nearest above it if it is not there. */
  position(path: Path, at: 'key' | 'value'): Position | undefined {
    return this.#positionOf(this.#offsetOf(path, at));
  }

  #offsetOf(path: Path, at: 'key' | 'value'): number {
    this.#tree ??= treeOf(this.#text);
    const node = nearestNode(this.#tree, path);
    const key = at === 'key' && node?.parent?.type === 'property' ? node.parent : undefined;
    return (key ?? node)?.offset ?? 0;
  }

  #syntaxError(cause: unknown): ManifestError {
    const errors: ParseError[] = [];
    treeOf(this.#text, errors);
    const first = errors[0];
    const what = first === undefined ? '' : ` (${sentence(printParseErrorCode(first.error))})`;
    return this.#errorAt(
      first?.offset ?? 0,
      ECI_PROFILE.key,
      `not valid JSON${what}: expected an array of rules without comments or trailing commas`,
      cause,
    );
  }

  #errorAt(offset: number, field: string, problem: string, cause?: unknown): ManifestError {
    const file = this.#place?.origin.file;
    const inFile = this.#place?.origin.positionIn?.(this.#place.path, offset);
    if (inFile !== undefined) {
      const location = `${file}:${inFile.line}:${inFile.column}`;
      return new ManifestError(problem, { location, position: inFile, field, cause });
    }
    const before = this.#text.slice(0, offset).split('\n');
    const column = (before.at(-1)?.length ?? 0) + 1;
    const inText = `line ${before.length} column ${column}`;
    const position = this.#positionOf(offset);
    const location = position === undefined ? inText : `${file}:${position.line}:${position.column}: ${inText}`;
    return new ManifestError(problem, { location, position, field, cause });
  }

  #positionOf(offset: number): Position | undefined {
    const { origin, path } = this.#place ?? {};
    if (origin === undefined || path === undefined) return undefined;
    return origin.positionIn?.(path, offset) ?? origin.position(path);
  }
}

/** The node at a path, or the nearest that exists above it. */
function nearestNode(root: Node | undefined, path: Path): Node | undefined {
  if (root === undefined) return undefined;
  for (let length = path.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (node !== undefined) return node;
  }
  return root;
}

/** The text's syntax tree; `undefined` for a text nested too deeply to have one. */
function treeOf(text: string, errors: ParseError[] = []): Node | undefined {
  try {
    return parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  } catch {
    return undefined;
  }
}

/** `CommaExpected` as `comma expected`. */
function sentence(code: string): string {
  return code.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}
