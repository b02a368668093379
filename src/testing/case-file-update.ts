import { isDeepStrictEqual } from 'node:util';
import type { Document, Node, YAMLMap, YAMLSeq } from 'yaml';
import { isMap, isScalar, isSeq, parseAllDocuments, visit, Document as YamlDocument } from 'yaml';
import type { CaseResult } from './case-runner.ts';
import type { Expectation } from './case-schema.ts';
import { updatedExpectation } from './updated-expectation.ts';

/** The expectations of a case, rewritten. */
export interface CaseUpdate {
  readonly result: CaseResult;
  /** The lines that change, before and after. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** A case file with expectations that hold today. */
export interface CaseFileUpdate {
  readonly text: string;
  readonly updates: readonly CaseUpdate[];
  /** Cases that have to be changed by hand, and why. */
  readonly left: readonly { readonly result: CaseResult; readonly why: string }[];
}

/**
 * Writes what came of the cases of one file into their expectations. Nothing else of the text changes: layout and
 * comments stay, those between expectations too, as far as the YAML library keeps them.
 *
 * @param text - the file as it was read for these results.
 */
export function updateCaseFile(text: string, results: readonly CaseResult[]): CaseFileUpdate {
  const documents = [...parseAllDocuments(text, { prettyErrors: false })];
  const isJson = /^\s*\{/.test(text);
  const edits: (Edit & { readonly result: CaseResult })[] = [];
  const left: CaseFileUpdate['left'][number][] = [];
  for (const result of results) {
    const { answered, suite, index } = result;
    if (answered === undefined) continue;
    const wanted = updatedExpectation(result.case.expect, answered.outcome);
    if (isDeepStrictEqual(wanted, result.case.expect)) continue;
    // Two documents of a file never have the same name.
    const document = documents.find((each) => isMap(each.contents) && each.getIn(['metadata', 'name']) === suite.name);
    const found = document?.getIn(['cases', index], true);
    const edit =
      document === undefined || document.errors.length > 0 || !isMap(found) || found.get('name') !== result.case.name
        ? undefined
        : editOf(text, document, found, wanted, isJson);
    if (edit === undefined) left.push({ result, why: 'it is written with anchors, aliases or in a List' });
    else edits.push({ ...edit, result });
  }
  const updated = edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((rest, { start, end, written }) => rest.slice(0, start) + written + rest.slice(end), text);
  return { text: updated, updates: edits.map((edit) => ({ result: edit.result, ...changedLines(text, edit) })), left };
}

/** A piece of the text and what is to stand there. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly written: string;
}

function editOf(
  text: string,
  document: Document,
  definition: YAMLMap,
  wanted: Expectation,
  isJson: boolean,
): Edit | undefined {
  if (hasAliases(definition)) return undefined;
  const expect = definition.get('expect', true);
  if (isMap(expect) && expect.items.length > 0) {
    setMembers(document, expect, wanted);
    return rendered(text, expect, isJson);
  }
  const node = document.createNode(wanted, { flow: definition.flow === true });
  if (isMap(node)) for (const { value } of node.items) if (isSeq(value) || isEmptyMap(value)) value.flow = true;
  definition.set('expect', node);
  return rendered(text, definition, isJson);
}

function isEmptyMap(node: unknown): node is YAMLMap {
  return isMap(node) && node.items.length === 0;
}

function hasAliases(node: Node): boolean {
  let found = false;
  visit(node, {
    Alias: () => {
      found = true;
      return visit.BREAK;
    },
    Value: (_key, { anchor }) => {
      found ||= anchor !== undefined;
    },
  });
  return found;
}

/** Gives a mapping these members; what is the same already keeps its node, and so its comments and quotes. */
function setMembers(document: Document, map: YAMLMap, members: Readonly<Record<string, unknown>>): void {
  for (const { key } of map.items.slice()) {
    const name = isScalar(key) ? String(key.value) : '';
    if (!Object.hasOwn(members, name)) map.delete(key);
  }
  for (const [key, value] of Object.entries(members)) {
    const node = map.get(key, true) as Node | undefined; // with `true` it is a node, if it is there
    if (isMap(node) && isMapping(value)) setMembers(document, node, value);
    else if (isSeq(node) && Array.isArray(value)) setItems(document, node, value);
    else if (isScalar(node) && (typeof value !== 'object' || value === null)) node.value = value;
    else {
      const created = document.createNode(value, { flow: map.flow === true || Array.isArray(value) });
      map.set(key, created);
    }
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function setItems(document: Document, list: YAMLSeq, items: readonly unknown[]): void {
  const known = list.items.filter((item) => isScalar(item));
  list.items = items.map((item) => known.find(({ value }) => value === item) ?? document.createNode(item));
  if (list.items.length === 0) list.flow = true; // there is no other way to write an empty list
}

/** The text of a node as it should be now, in the place and the style of what stood there. */
function rendered(text: string, node: YAMLMap, isJson: boolean): Edit | undefined {
  const { range } = node;
  if (range == null) return undefined;
  const [start, valueEnd] = range;
  const before = text.slice(start, valueEnd).trimEnd();
  const edit = { start, end: start + before.length };
  if (isJson) return { ...edit, written: JSON.stringify(node.toJSON()) };
  // Comments around the node stand outside of what is replaced.
  const { comment, commentBefore, spaceBefore } = node;
  node.comment = null;
  node.commentBefore = null;
  node.spaceBefore = false;
  const column = start - (text.lastIndexOf('\n', start - 1) + 1);
  const lines = new YamlDocument(node)
    .toString({
      lineWidth: 0,
      flowCollectionPadding: /\{ /.test(before),
      indent: indentOf(text, node),
      indentSeq: !/^( *)(?:- +)?[^\s#-][^\n]*:\n\1- /m.test(text),
    })
    .trimEnd()
    .split('\n');
  Object.assign(node, { comment, commentBefore, spaceBefore });
  const written = lines.map((line, i) => (i === 0 || line === '' ? line : ' '.repeat(column) + line)).join('\n');
  return { ...edit, written: text.includes('\r\n') ? written.replaceAll('\n', '\r\n') : written };
}

/** By how much the file indents what is below a key of this mapping. */
function indentOf(text: string, map: YAMLMap): number {
  const columnOf = (offset: number): number => offset - (text.lastIndexOf('\n', offset - 1) + 1);
  for (const { value } of map.items) {
    if (!isMap(value) || value.flow === true || value.range == null || map.range == null) continue;
    const indent = columnOf(value.range[0]) - columnOf(map.range[0]);
    if (indent > 0) return indent;
  }
  return 2;
}

/** The whole lines around an edit that differ. */
function changedLines(text: string, { start, end, written }: Edit): Pick<CaseUpdate, 'before' | 'after'> {
  const from = text.lastIndexOf('\n', start - 1) + 1;
  const to = end + text.slice(end).search(/\r?\n|$/);
  const before = text.slice(from, to).split(/\r?\n/);
  const after = `${text.slice(from, start)}${written}${text.slice(end, to)}`.split(/\r?\n/);
  let same = 0;
  while (same < Math.min(before.length, after.length) && before[same] === after[same]) same += 1;
  let sameAtEnd = 0;
  while (
    sameAtEnd < Math.min(before.length, after.length) - same &&
    before.at(-1 - sameAtEnd) === after.at(-1 - sameAtEnd)
  ) {
    sameAtEnd += 1;
  }
  return {
    before: before.slice(same, before.length - sameAtEnd),
    after: after.slice(same, after.length - sameAtEnd),
  };
}
