import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { stringify } from 'yaml';
import { readSimpleYaml } from '../../src/wire/manifest-simple-yaml.ts';
import type { ManifestDocument, Path } from '../../src/wire/manifest-text.ts';
import { ManifestText } from '../../src/wire/manifest-text.ts';
import { readYaml } from '../../src/wire/manifest-yaml.ts';

const RUNS = 2_000;

/** What a reader finds: values, and where each of them stands, with a step into nowhere below each. */
function found(documents: readonly ManifestDocument[] | undefined): unknown {
  return documents?.map((document) => ({
    value: document.value,
    places: pathsIn(document.value).map((path) => [path.join('/'), document.place(path)]),
  }));
}

function pathsIn(value: unknown, path: Path = []): Path[] {
  const inner = Object.entries(typeof value === 'object' && value !== null ? value : {});
  return [path, [...path, 'nowhere'], ...inner.flatMap(([key, member]) => pathsIn(member, [...path, key]))];
}

function readInFull(text: string): unknown {
  return found(readYaml(new ManifestText('file.yaml', text)));
}

describe('the quick way for simple YAML', () => {
  it('reads an ImageCache as people write it', () => {
    const text = `# a cache
---
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: web   # used by the shop
  annotations:
    k8s.aliyun.com/imc-cpu-arch: "amd64"
  creationTimestamp: 2026-01-01T00:00:00Z
spec:
  images:
    - registry.example.com:5000/shop/web:1.2.3
    - 'redis:7'
  imageCacheSize: 40
  imagePullSecrets: []
status:
  phase: Ready
  progress: 100%
  images:
  - name: redis:7

    sizeBytes: 1234567
  -
    name: two words
    ok: true
---
kind: B
empty:
`;
    const documents = readSimpleYaml(text);
    expect(documents).toHaveLength(2);
    expect(found(documents)).toEqual(readInFull(text));
  });

  it.each([
    'a: |\n  block\n',
    'a: &x 1\nb: *x\n',
    '<<: {a: 1}\n',
    'a: {b: 1}\n',
    'a: 1.5\n',
    'a: 010\n',
    'a: "\\n"\n',
    'a: one\n  line more\n',
    'a: 1\na: 2\n',
    'a: b: c\n',
    'a:\n  b: 1\n c: 2\n',
    'a:\n\t- 1\n',
    '\u00a0a: 1\n',
    'a: 1\r\n',
    '__proto__: 1\n',
    'text\n',
    '- a\n',
    '--- a: 1\n',
    'a: 1\n...\n',
    '%YAML 1.1\n---\na: yes\n',
    `${'- '.repeat(200)}a\n`,
  ])('leaves %j to the full parser', (text) => {
    expect(readSimpleYaml(text)).toBeUndefined();
  });

  const line = fc
    .tuple(
      fc.constantFrom('', '', '', ' ', '  ', '  ', '    ', '      '),
      fc.constantFrom('', '', '', '', '- ', '-   ', '- - ', '-', '# ', '---', '...', '? ', '! '),
      fc.constantFrom('a: ', 'b: ', 'c:', 'a.b/c-d: ', '1: ', 'true: ', '"q": ', 'k :', 'k:x', '<<: ', '', '', '-a: '),
      fc.oneof(
        fc.constantFrom('', 'x', 'x y', 'nginx:1.2', '"q # q"', "'s'", '""', "''", '"a" b', "'it''s'", '"\\t"'),
        fc.constantFrom('1', '01', '-1', '1.5', '.5', '1e3', '0x1f', '0o7', '1_000', '1.2.3', '100%', '.inf', '.'),
        fc.constantFrom('true', 'True', 'yes', 'null', 'NULL', '~', '[]', '{}', '[1]', '{a: 1}', '2026-01-01'),
        fc.constantFrom('|', '>-', '&a', '*a', '!t', '@', '`', '%', 'a,b', 'a: b', 'a:', ':', '-', '- a', '#', 'x#y'),
        fc.string({ maxLength: 5 }),
      ),
      fc.constantFrom('', '', '', ' ', ' # note', '#note', ' x', '\r', '\t', '\u00a0'),
    )
    .map((parts) => parts.join(''));

  test('property: what it reads at all, it reads as the full parser does', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const text = lines.join('\n');
        const documents = readSimpleYaml(text);
        if (documents !== undefined) expect(found(documents)).toEqual(readInFull(text));
      }),
      { numRuns: RUNS },
    );
  });

  const value = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('x', 'two words', 'nginx:1', '1', 'true', '', true, false, null, 0, 7, 1234567),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c.d/e', 'long-key'), tie('node'), { maxKeys: 3 }),
    ),
  })).node;

  test('property: it reads block style, lists indented or not', () => {
    fc.assert(
      fc.property(value, fc.boolean(), (inner, indentSeq) => {
        const object = { kind: 'A', inner };
        const text = stringify(object, { indentSeq, lineWidth: 0 });
        const documents = readSimpleYaml(`# first\n---\n${text}---\n\n${text}`);
        expect(documents?.map((document) => document.value)).toEqual([object, object]);
        expect(found(documents)).toEqual(readInFull(`# first\n---\n${text}---\n\n${text}`));
      }),
      { numRuns: RUNS },
    );
  });
});
