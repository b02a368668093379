import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { DOMParser } from '@xmldom/xmldom';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, writeIn } from '../composition/temporary-folder.ts';
import { A_POD, aCacheObject, aDocument, aDocumentWith, aProfileObject } from '../testing/cases.ts';
import { imc } from './recording-terminal.ts';

/** Of POSIX, not of npm. */
const MAKE_PIPE = 'mkfifo';

const CACHE = JSON.stringify(aCacheObject('web', ['nginx:1.27.0', 'busybox:1.36.1']));

/** A folder with a cluster, a pod, and these case files. */
function folderWith(caseFiles: Readonly<Record<string, string>>): string {
  return temporaryFolder({ 'cluster/cache.yaml': CACHE, 'pod.yaml': JSON.stringify(A_POD), ...caseFiles });
}

/** A document with these cases about the pod in `pod.yaml`. */
function cases(suite: string, expectations: Readonly<Record<string, object>>): string {
  return aDocument({
    metadata: { name: suite },
    resources: ['cluster'],
    cases: Object.entries(expectations).map(([name, expected]) => ({ name, pod: 'pod.yaml', expect: expected })),
  });
}

const MIXED = cases('web', {
  good: { outcome: 'CompleteMatch' },
  'bad (1)': { outcome: 'NoMatch', cache: 'web' },
  good2: { cache: 'web' },
});

describe('imc test (spec section 8)', () => {
  it('passes the cases of the example shop, which exercise every outcome and every rule', async () => {
    const { code, out, err } = await imc(['test', 'examples/tests', '--coverage']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const lines = out.trimEnd().split('\n');
    expect(lines.slice(-3, -1)).toEqual([
      'outcomes exercised: 10 of 10',
      'rules of examples/cluster/eci-profile.yaml exercised: 5 of 5',
    ]);
    expect(lines.at(-1)).toBe(`${lines.length - 3} passed, 0 failed`);
    for (const line of lines.slice(0, -3))
      expect(line).toMatch(/^PASS {2}examples\/tests\/[\w-]+\.imctest\.yaml {2}.+ \/ .+$/);
  });

  it('shows what was expected and what came, and how to find out why; exit code 1', async () => {
    const folder = folderWith({ 'a.imctest.yaml': MIXED });
    const { code, out, err } = await imc(['test', folder]);
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toBe(
      `PASS  ${folder}/a.imctest.yaml  web / good
FAIL  ${folder}/a.imctest.yaml:1  web / bad (1)
      - expected, + got
      outcome
      - NoMatch
      + CompleteMatch
      why: imc test ${folder}/a.imctest.yaml --run '^web / bad \\(1\\)$' --explain
PASS  ${folder}/a.imctest.yaml  web / good2
2 passed, 1 failed
`,
    );
  });

  it('does as the hint says: --run one case, and --explain it', async () => {
    const folder = folderWith({ 'a.imctest.yaml': MIXED });
    const { code, out } = await imc([
      'test',
      `${folder}/a.imctest.yaml`,
      '--run',
      String.raw`^web / bad \(1\)$`,
      '--explain',
    ]);
    expect(code).toBe(1);
    expect(out).toContain('      Candidates, best first\n        RANK   CACHE');
    expect(out).toMatch(/\n0 passed, 1 failed, 2 not run\n$/);
  });

  it('marks and colours on a terminal', async () => {
    const folder = folderWith({ 'a.imctest.yaml': MIXED });
    const { out } = await imc(['test', folder], { colour: true });
    expect(out).toContain('\u001b[32m✓ PASS \u001b[39m');
    expect(out).toContain('\u001b[31m✗ FAIL \u001b[39m');
    expect(out).toContain('\u001b[31m- NoMatch\u001b[39m');
    expect(out).toContain('\u001b[32m+ CompleteMatch\u001b[39m');
  });

  it('runs case files of folders below, in order, each once; others only if they are named', async () => {
    const case1 = cases('one', { a: { outcome: 'CompleteMatch' } });
    const folder = folderWith({
      'b.imctest.yml': cases('two', { a: { outcome: 'CompleteMatch' } }),
      'a.imctest.yaml': case1,
      '.hidden/c.imctest.yaml': 'broken: [',
      'node_modules/d.imctest.yaml': 'broken: [',
    });
    writeIn(folder, 'below/other.txt', case1.replaceAll('cluster', '../cluster').replaceAll('pod.yaml', '../pod.yaml'));
    const named = ['a.imctest.yaml', './a.imctest.yaml', 'below/other.txt'].map((file) => `${folder}/${file}`);
    const { out } = await imc(['test', folder, ...named]);
    expect(out.split('\n').map((line) => line.split(/ {2}/)[1]?.replace(folder, ''))).toEqual([
      '/a.imctest.yaml',
      '/b.imctest.yml',
      '/below/other.txt',
      undefined,
      undefined,
    ]);
  });

  it('stops after the first case that does not pass with --fail-fast', async () => {
    const folder = folderWith({ 'a.imctest.yaml': MIXED, 'b.imctest.yaml': MIXED });
    const { code, out } = await imc(['test', folder, '--fail-fast']);
    expect(code).toBe(1);
    expect(out).toMatch(/\n1 passed, 1 failed, 4 not run\n$/);
  });

  it('tells what no case exercises with --coverage', async () => {
    const folder = folderWith({ 'a.imctest.yaml': cases('web', { a: { outcome: 'CompleteMatch' } }) });
    const without = await imc(['test', folder, '--coverage']);
    expect(without.out).toContain(
      'outcomes exercised: 1 of 10; no case ends as PartialMatch, NoMatch, PerfectMatchUnsatisfied, ',
    );
    expect(without.out).toContain('rules exercised: none, no case has an eci-profile\n');
    const rules = [{ name: 'all' }, { name: 'some', objectSelector: { matchLabels: { a: 'b' } } }];
    writeIn(folder, 'cluster/profile.yaml', JSON.stringify(aProfileObject(rules)));
    const { out } = await imc(['test', folder, '--coverage']);
    expect(out).toContain(
      `rules of ${folder}/cluster/profile.yaml exercised: 1 of 2; no case is matched by some\n1 passed, 0 failed\n`,
    );
    const json = await imc(['test', folder, '--coverage', '-o', 'json']);
    expect(JSON.parse(json.out)).toMatchObject({
      coverage: {
        outcomes: { exercised: ['CompleteMatch'] },
        profiles: [{ file: `${folder}/cluster/profile.yaml`, exercised: ['all'], missed: ['some'] }],
      },
    });
  });

  it('prints everything as data', async () => {
    const folder = folderWith({ 'a.imctest.yaml': MIXED, 'b.imctest.yaml': aDocumentWith({ pod: 'nowhere.yaml' }) });
    const file = `${folder}/a.imctest.yaml`;
    const { code, out } = await imc(['test', folder, '-o', 'json']);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      passed: 2,
      failed: 1,
      errors: 1,
      notRun: 0,
      cases: [
        {
          file,
          line: 1,
          suite: 'web',
          name: 'good',
          status: 'passed',
          got: {
            allowed: true,
            outcome: 'CompleteMatch',
            cache: 'web',
            missing: [],
            rules: [],
            added: { annotations: { 'k8s.aliyun.com/eci-imc-id': 'imc-web' }, labels: {} },
            warnings: [],
            creates: false,
          },
          response: { allowed: true, patchType: 'JSONPatch', auditAnnotations: { outcome: 'CompleteMatch' } },
        },
        { status: 'failed', differences: [{ field: 'outcome', expected: 'NoMatch', got: 'CompleteMatch' }] },
        { status: 'passed' },
        {
          status: 'error',
          problems: [{ file: `${folder}/b.imctest.yaml`, line: 1, field: 'cases[0].pod' }],
        },
      ],
      problems: [],
    });
    const yaml = await imc(['test', folder, '-o', 'yaml']);
    expect(yaml.out).toMatch(/^passed: 2\nfailed: 1\nerrors: 1\nnotRun: 0\ncases:\n {2}- file: /);
  });

  it('writes JUnit XML that XML parsers read, whatever the names hold', async () => {
    const folder = folderWith({
      'a.imctest.yaml': cases('a <b> & "c" \u0001', {
        'line\nbreak & <tag> ]]> \ud83d\ude80 \ud800': { outcome: 'NoMatch' },
        good: { outcome: 'CompleteMatch' },
        unreal: { cache: 'wub' },
      }),
      'b.imctest.yaml': 'kind: [',
    });
    const file = `${folder}/results.xml`;
    expect((await imc(['test', folder, '--junit', file])).code).toBe(2);
    const document = new DOMParser({
      onError: (level, message) => {
        throw new Error(`${level}: ${message}`);
      },
    }).parseFromString(readFileSync(file, 'utf8'), 'text/xml');
    const all = (tag: string) => [...document.getElementsByTagName(tag)];
    const counts = (tag: string) =>
      all(tag).map((element) => ['tests', 'failures', 'errors'].map((key) => element.getAttribute(key)).join(' '));
    expect(counts('testsuites')).toEqual(['4 1 2']);
    expect(counts('testsuite')).toEqual(['1 0 1', '3 1 1']);
    expect(all('testsuite').map((element) => element.getAttribute('name'))).toEqual([
      `${folder}/b.imctest.yaml`,
      'a <b> & "c" ?',
    ]);
    expect(all('testcase').map((element) => element.getAttribute('name'))).toEqual([
      'case file',
      'line\nbreak & <tag> ]]> \ud83d\ude80 ?',
      'good',
      'unreal',
    ]);
    for (const element of all('testcase')) expect(element.getAttribute('time')).toMatch(/^\d+\.\d{3}$/);
    expect(all('failure').map((element) => [element.getAttribute('message'), element.textContent])).toEqual([
      ['not as expected: outcome', 'outcome\n- NoMatch\n+ CompleteMatch'],
    ]);
    expect(all('error').map((element) => element.textContent)).toEqual([
      expect.stringMatching(/b\.imctest\.yaml:1:7: not valid YAML/),
      expect.stringMatching(/no ImageCache of the resources has this name; did you mean web\?$/),
    ]);
  });

  it('writes what comes into the case files with --update, shows it, and runs them again', async () => {
    const yaml = `apiVersion: imc-webhook/v1
kind: AdmissionTest
metadata: {name: web}
resources: [cluster]
cases:
  - name: old
    pod: pod.yaml
    expect: {outcome: NoMatch} # for now
  - name: new
    pod: pod.yaml
`;
    const folder = folderWith({
      'a.imctest.yaml': yaml,
      'b.imctest.yaml': yaml.replace('cluster', 'nowhere'),
      'c.imctest.yaml': yaml.replace('expect', 'expects'),
    });
    const file = `${folder}/a.imctest.yaml`;
    expect((await imc(['test', file])).code).toBe(2);
    const all = await imc(['test', folder, '--update']);
    expect(all.code).toBe(2);
    expect(all.out).toBe(`UPDATED ${file}:6  web / old
      -    expect: {outcome: NoMatch} # for now
      +    expect: {outcome: CompleteMatch} # for now
UPDATED ${file}:9  web / new
      +    expect:
      +      outcome: CompleteMatch
      +      cache: web
      +      annotations:
      +        k8s.aliyun.com/eci-imc-id: imc-web
PASS  ${file}  web / old
PASS  ${file}  web / new
2 passed, 0 failed, 2 errors
`);
    for (const broken of ['b', 'c'])
      expect(readFileSync(`${folder}/${broken}.imctest.yaml`, 'utf8')).toContain('NoMatch');
    expect(readdirSync(folder).toSorted()).toEqual([
      ...['a', 'b', 'c'].map((name) => `${name}.imctest.yaml`),
      'cluster',
      'pod.yaml',
    ]);
    expect(await imc(['test', file, '--update'])).toEqual({
      code: 0,
      out: all.out.slice(all.out.indexOf('PASS')).replace(', 2 errors', ''),
      err: '',
    });
  });

  it('tells why it cannot write the expectations of a new case', async () => {
    const folder = folderWith({ 'a.imctest.yaml': aDocumentWith({ pod: 'nowhere.yaml', expect: {} }) });
    const { code, err } = await imc(['test', folder, '--update']);
    expect(code).toBe(2);
    expect(err).toMatch(
      /^Note: .*a\.imctest\.yaml is left as it is, .*\n {2}.*a\.imctest\.yaml:1:\d+: cases\[0\]\.pod: .*nowhere\.yaml: no such/,
    );
  });

  it('ignores the settings of the environment, so that a case gives the same answer everywhere', async () => {
    const folder = folderWith({ 'a.imctest.yaml': cases('web', { a: { outcome: 'CompleteMatch' } }) });
    const { code } = await imc(['test', folder], { env: { IMC_MODE: 'off' } });
    expect(code).toBe(0);
  });
});

describe('imc test on what cannot be used: exit code 2, the place, and what to do', () => {
  it('tells every problem of every file, and runs the others', async () => {
    const folder = folderWith({
      'a.imctest.yaml': MIXED,
      'b.imctest.yaml': 'kind: [',
      'c.imctest.yaml': aDocumentWith({ expect: { outcom: 'x' } }),
      'd.imctest.yaml': aDocument({ resources: ['nowhere'] }),
      'e.imctest.yaml': aDocumentWith({ expect: { cache: 'web' } }),
    });
    const { code, out, err } = await imc(['test', folder]);
    expect(code).toBe(2);
    expect(err).toMatch(/^Error: .*\/b\.imctest\.yaml:1:7: not valid YAML: /m);
    expect(err).toMatch(
      /^Error: .*\/c\.imctest\.yaml:1:\d+: cases\[0\]\.expect\.outcom: unknown key; did you mean out/m,
    );
    expect(err).toMatch(
      /^Error: .*\/d\.imctest\.yaml:1:\d+: resources\[0\]: .*nowhere: no such file or folder; check/m,
    );
    expect(out).toMatch(
      /^ERROR .*\/e\.imctest\.yaml:1 {2}suite \/ case\n {6}.*\/e\.imctest\.yaml:1:\d+: cases\[0\]\.expect\.cache: there is no ImageCache/m,
    );
    expect(out).toMatch(/\n2 passed, 1 failed, 4 errors, 1 not run\n$/);
  });

  it.each<{ title: string; files: Record<string, string | Uint8Array>; says: RegExp }>([
    {
      title: 'an empty file',
      files: { 'a.imctest.yaml': '' },
      says: /there is no case in this file; expected apiVersion/,
    },
    {
      title: 'a truncated file',
      files: { 'a.imctest.yaml': MIXED.slice(0, -20) },
      says: /a\.imctest\.yaml:1:\d+: not valid JSON \(unexpected end/,
    },
    {
      title: 'tabs',
      files: { 'a.imctest.yaml': 'apiVersion: imc-webhook/v1\nmetadata:\n\tname: a\n' },
      says: /a\.imctest\.yaml:3:1: .*tabs are not allowed/,
    },
    {
      title: 'a binary file',
      files: { 'a.imctest.yaml': Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 0, 1]) },
      says: /a\.imctest\.yaml:1:5: this is binary data/,
    },
    {
      title: 'an alias inside what it repeats',
      files: { 'a.imctest.yaml': 'cases: &a [*a]\n' },
      says: /a\.imctest\.yaml:1:12: the alias \*a stands inside what it repeats/,
    },
    {
      title: 'a folder without case files',
      files: { 'a.yaml': 'a: b' },
      says: /: no case file in this folder; expected/,
    },
    {
      title: 'cases in a file that nobody looks for',
      files: { 'a.imctest.yaml': MIXED, 'b.yaml': 'apiVersion: imc-webhook/v1\nkind: AdmissionTest\n' },
      says: /b\.yaml: holds cases \(kind: AdmissionTest\), but in a folder only files called \*\.imctest\.yaml are run/,
    },
  ])('$title', async ({ files, says }) => {
    const { code, err } = await imc(['test', temporaryFolder(files)]);
    expect(code).toBe(2);
    expect(err).toMatch(/^Error: /);
    expect(err).toMatch(says);
  });

  it('passes over what is no file, and does not wait for it', async () => {
    const folder = folderWith({ 'a.imctest.yaml': cases('web', { a: { outcome: 'CompleteMatch' } }) });
    for (const pipe of ['b.imctest.yaml', 'cluster/pipe.yaml']) execFileSync(MAKE_PIPE, [`${folder}/${pipe}`]);
    expect((await imc(['test', folder])).out).toMatch(/\n1 passed, 0 failed\n$/);
  });

  it('a broken resource, in its own file', async () => {
    const folder = folderWith({ 'a.imctest.yaml': MIXED });
    writeIn(folder, 'cluster/broken.yaml', 'kind: [');
    const { code, out, err } = await imc(['test', folder]);
    expect(code).toBe(2);
    expect(err).toBe(
      `Error: ${folder}/cluster/broken.yaml:1:7: not valid YAML: what is opened here is never closed; close it (is the file complete?)\n`,
    );
    expect(out).toBe('0 passed, 0 failed, 1 error, 3 not run\n');
  });

  it.each([
    { title: 'no path', args: [], says: /missing required argument 'path'/ },
    { title: 'a path that is not there', args: ['nowhere'], says: /nowhere: no such file or folder; check the path/ },
    {
      title: '--run with what is no regular expression',
      args: ['examples/tests', '--run', '('],
      says: /Unterminated group/,
    },
    {
      title: '--run with what matches nothing',
      args: ['examples/tests', '--run', 'nothing'],
      says: /--run matches none of the \d+ cases; it is compared with "suite \/ case"/,
    },
    {
      title: '--junit where nothing can be written',
      args: ['examples/tests', '--junit', 'nowhere/a.xml'],
      says: /nowhere\/a\.xml: the folder does not exist; make it, or choose another place/,
    },
  ])('$title', async ({ args, says }) => {
    const { code, err } = await imc(['test', ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(says);
  });

  it('tells the results though --junit cannot be written', async () => {
    const { code, out } = await imc(['test', 'examples/tests', '--junit', 'examples']);
    expect({ code, summary: out.split('\n').at(-2) }).toEqual({ code: 2, summary: '25 passed, 0 failed' });
  });
});
