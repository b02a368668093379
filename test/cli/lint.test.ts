import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FINDING_CODES, FINDINGS } from '../../src/lint/findings.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { imc } from './recording-terminal.ts';

const EXAMPLES = ['-f', 'examples/cluster', '-f', 'examples/workloads'];
/** After every example was written, before the one cache expires that does. */
const NOW = ['--now', '2026-04-10T09:05:00Z'];

const { bad: ERROR, good: CLEAN } = FINDINGS.IMC203.example;
const WARNING = FINDINGS.IMC206.example.bad;
const BROKEN = 'kind: [';

interface Report {
  readonly findings: readonly Record<string, unknown>[];
  readonly summary: Record<string, number>;
}

async function lintJson(args: readonly string[], stdin = ''): Promise<Report & { code: number }> {
  const { code, out } = await imc(['lint', ...args, '-o', 'json'], { stdin });
  return { code, ...(JSON.parse(out) as Report) }; // the shape is tested below
}

describe('imc lint of the examples', () => {
  it('finds what examples/README.md tells, and no error but the one that is meant', async () => {
    const { code, out, err } = await imc(['lint', ...EXAMPLES, ...NOW]);
    expect({ code, err }).toEqual({ code: 1, err: '' });
    await expect(out).toMatchFileSnapshot('expected/lint-examples.txt');
  });

  it('finds no error in what the cluster holds', async () => {
    expect((await imc(['lint', '-f', 'examples', '--ignore', 'IMC304', ...NOW])).code).toBe(0);
  });

  it('prints the same lines in colours on a terminal that takes them', async () => {
    const plain = await imc(['lint', ...EXAMPLES, ...NOW]);
    const colourful = await imc(['lint', ...EXAMPLES, ...NOW], { colour: true });
    expect(colourful.out).toContain('\u001b[31merror\u001b[39m');
    expect(stripVTControlCharacters(colourful.out)).toBe(plain.out);
  });

  it('takes for tags that move what the settings say', async () => {
    const folder = temporaryFolder({
      'cache.yaml': WARNING,
      'pod.yaml':
        'apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {eci: "true"}}\nspec: {containers: [{name: a, image: "a:edge"}]}\n',
    });
    const found = async (...args: string[]) =>
      (await lintJson(['-f', folder, '--select', 'IMC206,IMC402', ...args])).findings.map(({ code }) => code);
    expect(await found()).toEqual(['IMC206']);
    expect(await found('--auto-create-mutable-tags', 'edge')).toEqual(['IMC402']);
  });

  it('holds the files against --dir without linting it', async () => {
    const { findings } = await lintJson(['-f', 'examples/workloads', '--dir', 'examples/cluster', ...NOW]);
    const files = new Set(findings.map(({ file }) => String(file).split('/')[1]));
    expect([...files]).toEqual(['workloads']);
    expect(findings.map(({ code }) => code)).toContain('IMC304');
  });
});

describe('what is printed', () => {
  it('a line for each finding that editors can take apart, and a summary', async () => {
    const folder = temporaryFolder({ 'a.yaml': ERROR });
    const { out } = await imc(['lint', '-f', folder]);
    const [line = '', ...rest] = out.replaceAll(folder, 'F').split('\n');
    expect(/^(.+):(\d+):(\d+)\s+(error|warning|info)\s+(IMC\d{3})\s{2}(.*)\s{2}\((.*)\)$/.exec(line)?.slice(1)).toEqual(
      [
        'F/a.yaml',
        '4',
        '50',
        'error',
        'IMC203',
        'spec.imageCacheSize is 10 GiB; 20 to 32768 are allowed',
        'write 20 to 32768',
      ],
    );
    expect(rest).toEqual(['', '1 error in 1 file (1 object)', '']);
  });

  it('one line where there is nothing to find', async () => {
    const { code, out } = await imc(['lint', '-f', '-'], { stdin: CLEAN });
    expect({ code, out }).toEqual({ code: 0, out: 'No findings in 1 file (1 object)\n' });
  });

  it('-o json and -o yaml: the same data', async () => {
    const json = await lintJson(['-f', '-'], ERROR);
    expect(json).toEqual({
      code: 1,
      findings: [
        {
          code: 'IMC203',
          severity: 'error',
          file: '<stdin>',
          line: 4,
          column: 50,
          object: 'ImageCache/web',
          message: 'spec.imageCacheSize is 10 GiB; 20 to 32768 are allowed',
          remedy: 'write 20 to 32768',
        },
      ],
      summary: { files: 1, objects: 1, unreadable: 0, errors: 1, warnings: 0, infos: 0 },
    });
    const yaml = await imc(['lint', '-f', '-', '-o', 'yaml'], { stdin: ERROR });
    expect({ code: 1, ...parse(yaml.out) }).toEqual(json);
  });

  it('-o sarif: a log that code hosts can show (SARIF 2.1.0)', async () => {
    const folder = temporaryFolder({ 'a b.yaml': ERROR, 'c.yaml': BROKEN });
    const { code, out } = await imc(['lint', '-f', folder, '-o', 'sarif']);
    expect(code).toBe(2);
    const log: unknown = JSON.parse(out);
    expect(log).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'imc', rules: FINDING_CODES.map((id) => ({ id })) } },
          invocations: [{ executionSuccessful: false }],
          results: [
            {
              ruleId: 'IMC203',
              ruleIndex: FINDING_CODES.indexOf('IMC203'),
              level: 'error',
              message: { text: 'spec.imageCacheSize is 10 GiB; 20 to 32768 are allowed (write 20 to 32768)' },
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: `file://${folder}/a%20b.yaml` },
                    region: { startLine: 4, startColumn: 50 },
                  },
                  logicalLocations: [{ fullyQualifiedName: 'ImageCache/web' }],
                },
              ],
            },
            { ruleId: 'IMC001', level: 'error' },
          ],
        },
      ],
    });
  });

  it('-o sarif: paths stay relative, infos are notes', async () => {
    const { out } = await imc(['lint', '-f', 'examples/cluster/eci-profile.yaml', '-o', 'sarif', '--select', 'IMC108']);
    const log: unknown = JSON.parse(out);
    const physicalLocation = { artifactLocation: { uri: 'examples/cluster/eci-profile.yaml' } };
    expect(log).toMatchObject({ runs: [{ results: [{ level: 'note', locations: [{ physicalLocation }] }] }] });
  });

  it('keeps what stands in a file from breaking the line or reaching the terminal', async () => {
    const stdin = CLEAN.replace('nginx:1.27.0', '\\e[31mred\\nline');
    const { out } = await imc(['lint', '-f', '-'], { stdin });
    expect(out).toContain('IMC205');
    expect(out.trimEnd().split('\n')).toHaveLength(3);
    expect(out).not.toContain('\u001b');
  });
});

describe('exit codes (spec section 8)', () => {
  it.each([
    { title: 'no findings', stdin: CLEAN, args: [], code: 0 },
    { title: 'warnings', stdin: WARNING, args: [], code: 0 },
    { title: 'warnings with --strict', stdin: WARNING, args: ['--strict'], code: 1 },
    { title: 'as many warnings as --max-warnings', stdin: WARNING, args: ['--max-warnings', '1'], code: 0 },
    { title: 'more warnings than --max-warnings', stdin: WARNING, args: ['--max-warnings', '0'], code: 1 },
    { title: 'warnings that are ignored', stdin: WARNING, args: ['--strict', '--ignore', 'IMC206'], code: 0 },
    { title: 'errors', stdin: ERROR, args: [], code: 1 },
    { title: 'errors that are ignored', stdin: ERROR, args: ['--ignore', 'IMC203'], code: 0 },
    { title: 'errors that are not selected', stdin: ERROR, args: ['--select', 'IMC1'], code: 0 },
    { title: 'a file that cannot be read', stdin: BROKEN, args: [], code: 2 },
    { title: 'a file that cannot be read, whatever is selected', stdin: BROKEN, args: ['--select', 'IMC2'], code: 2 },
  ])('$title: $code', async ({ stdin, args, code }) => {
    expect((await imc(['lint', '-f', '-', ...args], { stdin })).code).toBe(code);
  });
});

describe('choosing findings', () => {
  const both = `${ERROR}---\n${WARNING.replace('name: web', 'name: other')}`;

  it.each([
    { args: [], codes: ['IMC203', 'IMC206'] },
    { args: ['--select', 'IMC206'], codes: ['IMC206'] },
    { args: ['--select', 'imc203,IMC206'], codes: ['IMC203', 'IMC206'] },
    { args: ['--select', 'IMC203', '--select', 'IMC206'], codes: ['IMC203', 'IMC206'] },
    { args: ['--select', 'IMC2', '--ignore', 'IMC206'], codes: ['IMC203'] },
    { args: ['--ignore', 'IMC2'], codes: [] },
    { args: ['--severity', 'error'], codes: ['IMC203'] },
    { args: ['--severity', 'warning'], codes: ['IMC203', 'IMC206'] },
  ])('$args', async ({ args, codes }) => {
    const { findings } = await lintJson(['-f', '-', ...args], both);
    expect(findings.map(({ code }) => code)).toEqual(codes);
  });

  it.each([
    { args: ['--ignore', 'IMC999'], says: /there is no code IMC999/ },
    { args: ['--select', 'IMC20X'], says: /there is no code IMC20X; did you mean IMC20\d\?/ },
    { args: ['--select', ''], says: /there is no code/ },
    {
      args: ['--explain', 'IMC3O4'],
      says: /there is no code IMC3O4; did you mean IMC304\? \(imc lint --list shows all\)/,
    },
    {
      args: ['--list', '-o', 'sarif'],
      says: /-o sarif is for findings; --list and --explain print table, json and yaml/,
    },
    { args: ['--max-warnings', 'few'], says: /Expected a whole number from 0/ },
    { args: ['--severity', 'fatal'], says: /Allowed choices are error, warning, info/ },
    { args: [], says: /nothing to lint; name files or folders with -f/, bare: true },
  ])('bad usage is told: $args', async ({ args, says, bare = false }) => {
    const { code, out, err } = await imc(['lint', ...(bare ? [] : ['-f', 'examples/workloads']), ...args]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(says);
  });
});

describe('--list and --explain', () => {
  it('--list has a row for every code', async () => {
    const { code, out } = await imc(['lint', '--list']);
    expect(code).toBe(0);
    const codes = out.split('\n').map((line) => line.split(' ')[0]);
    expect(codes).toEqual(['CODE', ...FINDING_CODES, '']);
    const json = await imc(['lint', '--list', '-o', 'json']);
    expect(JSON.parse(json.out)).toHaveLength(FINDING_CODES.length);
  });

  it('--explain tells all there is to a code, in any case', async () => {
    const { code, out } = await imc(['lint', '--explain', 'imc203']);
    expect(code).toBe(0);
    await expect(out).toMatchFileSnapshot('expected/lint-explain.txt');
    const json = await imc(['lint', '--explain', 'IMC203', '-o', 'json']);
    expect(JSON.parse(json.out)).toEqual({ code: 'IMC203', ...FINDINGS.IMC203 });
  });
});

describe('input that cannot be read: a finding with its place, the rest is linted, exit code 2', () => {
  it.each<{ title: string; content: string | Uint8Array; says: RegExp }>([
    { title: 'truncated YAML', content: 'kind: "Pod', says: /in\.yaml:1:7 .*IMC001 {2}not valid YAML: .*never closed/ },
    { title: 'tabs', content: 'kind: Pod\nspec:\n\tcontainers: []', says: /in\.yaml:3:1 .*indent with blanks/ },
    {
      title: 'truncated JSON',
      content: '{"kind": "Pod", "metadata": {',
      says: /in\.yaml:\d+:\d+ .*is the file complete/,
    },
    { title: 'binary data', content: new Uint8Array([0x7f, 0x45, 0, 1]), says: /in\.yaml:1:3 .*binary data/ },
    { title: 'a text that is not UTF-8', content: new Uint8Array([0x61, 0xff]), says: /in\.yaml:1:2 .*no UTF-8/ },
    { title: 'no object', content: 'just words', says: /in\.yaml:1:1 .*expected an object with apiVersion and kind/ },
    { title: 'aliases in a circle', content: 'a: &a [*a]', says: /in\.yaml:1:8 .*stands inside what it repeats/ },
    { title: 'a key that stands twice', content: 'kind: Pod\nkind: Pod', says: /in\.yaml:2:1 .*stands twice/ },
  ])('$title', async ({ content, says }) => {
    const folder = temporaryFolder({ 'in.yaml': content, 'other.yaml': ERROR });
    const { code, out, err } = await imc(['lint', '-f', folder]);
    expect({ code, err }).toEqual({ code: 2, err: '' });
    expect(out).toMatch(says);
    expect(out).toContain('IMC203');
    expect(out).toContain('in 2 files (1 object; 1 could not be read)');
  });

  it('paths that are not there, and folders without manifests, all at once', async () => {
    const folder = temporaryFolder({ 'a.yaml': ERROR, 'empty/notes.txt': '' });
    const { code, out } = await imc([
      'lint',
      '-f',
      `${folder}/a.yaml`,
      '-f',
      `${folder}/b.yaml`,
      '-f',
      `${folder}/empty`,
    ]);
    expect(code).toBe(2);
    expect(out).toMatch(/a\.yaml:4:50 .*IMC203/);
    expect(out).toMatch(/b\.yaml {2}error {4}IMC001 {2}no such file or folder {2}\(check the path\)/);
    expect(out).toMatch(/empty {2}error {4}IMC001 {2}no manifest in this folder/);
  });

  it.each(['', '---\n---\n', '# nothing\n'])('nothing at all: %j', async (stdin) => {
    const { code, err } = await imc(['lint', '-f', '-'], { stdin });
    expect(code).toBe(2);
    expect(err).toMatch(/nothing to lint, there is no object in it/);
  });

  it('reads a file once that is named twice', async () => {
    const folder = temporaryFolder({ 'a.yaml': ERROR });
    const { findings } = await lintJson(['-f', folder, '-f', `${folder}/a.yaml`]);
    expect(findings.map(({ code }) => code)).toEqual(['IMC203']);
  });
});
