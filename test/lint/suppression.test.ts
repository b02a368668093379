import { describe, expect, it } from 'vitest';
import { brief, lintFiles, lintText } from './lint-files.ts';

/** Lines 6 and 7 have a tag that moves; the second image is the first again. */
const CACHE = `apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata: {name: web}
spec:
  images:
    - nginx:latest
    - docker.io/library/nginx:latest
`;

function linesWith(text: string): readonly string[] {
  return lintText(text).map(({ line, code }) => `${line} ${code}`);
}

describe('comments that silence findings', () => {
  it('none: everything is shown', () => {
    expect(linesWith(CACHE)).toEqual(['6 IMC206', '7 IMC206', '7 IMC207']);
  });

  it.each([
    { title: 'on its line', comment: [6, ' # imc-lint: ignore IMC206'], left: ['7 IMC206', '7 IMC207'] },
    {
      title: 'with a reason',
      comment: [6, ' # imc-lint: ignore IMC206 rebuilt nightly'],
      left: ['7 IMC206', '7 IMC207'],
    },
    { title: 'several codes', comment: [7, ' # imc-lint: ignore IMC206, IMC207'], left: ['6 IMC206'] },
    {
      title: 'several codes without commas',
      comment: [7, ' # imc-lint: ignore IMC206 IMC207'],
      left: ['6 IMC206'],
    },
    { title: 'on the line above', comment: [5, '\n    # imc-lint: ignore IMC206'], left: ['8 IMC206', '8 IMC207'] },
    {
      title: 'above other comments and blank lines',
      comment: [5, '\n# imc-lint: ignore IMC206\n\n# so\n'],
      left: ['11 IMC206', '11 IMC207'],
    },
    { title: 'another code', comment: [6, ' # imc-lint: ignore IMC207'], left: ['6 IMC206', '7 IMC206', '7 IMC207'] },
    { title: 'the whole file', comment: [1, ' # imc-lint: ignore-file IMC206'], left: ['7 IMC207'] },
  ] as const)('$title', ({ comment: [line, text], left }) => {
    const lines = CACHE.split('\n');
    lines[line - 1] += text;
    expect(linesWith(lines.join('\n'))).toEqual(left);
  });

  it('counts for its own file only', () => {
    const files = { 'a.yaml': `# imc-lint: ignore-file IMC206\n${CACHE}`, 'b.yaml': CACHE.replace('web', 'other') };
    expect(lintFiles(files).map(({ file, code }) => `${file} ${code}`)).toEqual([
      'a.yaml IMC207',
      'b.yaml IMC206',
      'b.yaml IMC206',
      'b.yaml IMC207',
    ]);
  });

  it('one that does nothing is a finding', () => {
    const text = `# imc-lint: ignore IMC298 IMC206
# imc-lint: ignroe IMC206
# imc-lint: ignore nothing
apiVersion: v1
kind: Pod # imc-lint:
metadata: {name: a}
`;
    const orders = 'expected ignore or ignore-file and codes';
    expect(brief(lintText(text))).toEqual([
      '1:1 IMC006 the comment does nothing: there is no code IMC298',
      `2:1 IMC006 the comment does nothing: ${orders}`,
      `3:1 IMC006 the comment does nothing: ${orders}`,
      `5:11 IMC006 the comment does nothing: ${orders}`,
    ]);
  });
});
