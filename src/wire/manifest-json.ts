import type { Node, ParseError } from 'jsonc-parser';
import { parseTree, printParseErrorCode } from 'jsonc-parser';
import type { ManifestError } from './manifest-error.ts';
import type { ManifestDocument, ManifestText, Path, Place } from './manifest-text.ts';
import { duplicateKeyProblem } from './manifest-text.ts';

/**
 * The documents of a JSON file: one, or several in a row (one per line, for instance). `undefined` when the text is no
 * JSON; it may be YAML then.
 *
 * @throws ManifestError for a key that stands twice in one object.
 */
export function readJson(source: ManifestText): readonly ManifestDocument[] | undefined {
  if (!/^\s*[{[]/.test(source.text)) return undefined;
  const whole = tryParse(source.text);
  if (whole !== undefined) return [documentOf(source, { start: 0, text: source.text }, whole.value)];
  const documents: ManifestDocument[] = [];
  for (const piece of piecesOf(source.text)) {
    const parsed = tryParse(piece.text);
    if (parsed === undefined) return undefined;
    documents.push(documentOf(source, piece, parsed.value));
  }
  return documents;
}

/** What keeps the text from being JSON; `undefined` if it does not look like JSON to begin with. */
export function jsonSyntaxError(source: ManifestText): ManifestError | undefined {
  if (!/^\s*(?:\{\s*["}]|\[\s*[{["\]])/.test(source.text)) return undefined;
  for (const piece of piecesOf(source.text)) {
    if (tryParse(piece.text) !== undefined) continue;
    const errors: ParseError[] = [];
    treeOf(piece.text, errors);
    const first = errors[0];
    if (first === undefined) return undefined;
    const atEnd = piece.text.slice(first.offset).trim() === '';
    const what = printParseErrorCode(first.error)
      .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
      .toLowerCase();
    return source.error(
      piece.start + first.offset,
      atEnd ? `the JSON ends too early (${what}); is the file complete?` : `not valid JSON (${what}); correct it here`,
    );
  }
  return undefined;
}

/** A stretch of the text that holds one document. */
interface Piece {
  readonly start: number;
  readonly text: string;
}

/** Cuts documents that follow each other apart, by their brackets. */
function* piecesOf(text: string): Generator<Piece> {
  let start = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = endOfText(text, at);
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth > 0) continue;
      yield { start, text: text.slice(start, at + 1) };
      start = at + 1;
      depth = 0;
    }
  }
  if (text.slice(start).trim() !== '') yield { start, text: text.slice(start) };
}

/** Offset of the quote that closes the text opened at `start`; the end of everything if none does. */
function endOfText(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '"') return at;
    if (text[at] === '\\') at += 1;
  }
  return text.length;
}

function tryParse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function documentOf(source: ManifestText, piece: Piece, value: unknown): ManifestDocument {
  if (countKeys(piece.text) !== countMembers(value)) throw duplicateKey(source, piece);
  let tree: Node | undefined;
  return {
    value,
    place: (path) => {
      tree ??= treeOf(piece.text);
      return tree && placeOf(tree, path, piece.start);
    },
  };
}

/** The keys written in a valid JSON text: texts before a colon. */
function countKeys(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) {
    at = endOfText(text, at);
    let next = at + 1;
    while (next < text.length && ' \t\r\n'.includes(text.charAt(next))) next += 1;
    if (text[next] === ':') count += 1;
  }
  return count;
}

/** The members of all objects within a value; fewer than the keys written when a key was written twice. */
function countMembers(value: unknown): number {
  let count = 0;
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null) continue;
    const inner = Object.values(next);
    if (!Array.isArray(next)) count += inner.length;
    for (const each of inner) if (typeof each === 'object') left.push(each);
  }
  return count;
}

function duplicateKey(source: ManifestText, piece: Piece): ManifestError {
  const left = [treeOf(piece.text)];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    const keys = new Set<string>();
    const children = node.children ?? [];
    for (const child of children) left.push(child);
    if (node.type !== 'object') continue;
    for (const { children: [key] = [] } of children) {
      if (key === undefined) continue;
      const name = String(key.value);
      if (keys.has(name)) return source.error(piece.start + key.offset, duplicateKeyProblem(name));
      keys.add(name);
    }
  }
  return source.error(piece.start, 'a key stands twice in one object; remove one of the two');
}

function placeOf(root: Node, path: Path, start: number): Place {
  let node = root;
  let key: Node | undefined;
  for (const step of path) {
    const next = childOf(node, step);
    if (next === undefined) return { start: start + node.offset };
    [key, node] = next;
  }
  const place = { start: start + node.offset, ...(key === undefined ? {} : { key: start + key.offset }) };
  return node.type === 'string' ? { ...place, spelling: { value: String(node.value), style: 'double' } } : place;
}

/** An item of a list, or the key and the value of a member. */
function childOf({ type, children = [] }: Node, step: string | number): [Node | undefined, Node] | undefined {
  if (type === 'array') {
    const item = children[Number(step)];
    return item && [undefined, item];
  }
  const [key, value] = children.find(({ children: pair = [] }) => pair[0]?.value === String(step))?.children ?? [];
  return value && [key, value];
}

/** The syntax tree of a text; `undefined` for one nested too deeply to have one. */
function treeOf(text: string, errors: ParseError[] = []): Node | undefined {
  try {
    return parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  } catch {
    return undefined;
  }
}
