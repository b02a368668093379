import { describe, expect, it } from 'vitest';
import { updateCaseFile } from '../../src/testing/case-file-update.ts';
import { A_POD, aCacheObject, runText } from './cases.ts';

const POD = JSON.stringify(A_POD);
const CACHE = [aCacheObject('web', ['nginx:1.27.0', 'busybox:1.36.1']), aCacheObject('other', ['other:1'])]
  .map((cache) => JSON.stringify(cache))
  .join('\n---\n');
const HEAD = `# about the file
apiVersion: imc-webhook/v1
kind: AdmissionTest
metadata: {name:   web}   # as its author likes it
resources: [cache.yaml]
cases:
`;

/** The cases below {@link HEAD} after an update; their results are those of the engine. */
async function updated(cases: string, head = HEAD): Promise<string> {
  const { text, left } = await update(head + cases);
  expect(left).toEqual([]);
  expect(text.slice(0, head.length)).toBe(head);
  return text.slice(head.length);
}

async function update(text: string) {
  // A case without expectations can be run only to have them written.
  const results = await runText(text, { 'cache.yaml': CACHE, 'pod.yaml': POD }, { mayExpectNothing: true });
  return updateCaseFile(text, results);
}

describe('a case file after an update', () => {
  it.each([
    {
      title: 'keeps values that hold, comments, quotes and the order of keys',
      before: `  - name: a  # the case
    pod: pod.yaml
    expect:
      # what comes
      outcome: NoMatch # so far
      cache: web
      annotations:
        # the pin
        k8s.aliyun.com/eci-imc-id: "imc-other"
      # that is all

  # the next
  - name: b
    pod:   pod.yaml
    expect: {outcome:   CompleteMatch}
# the end
`,
      after: `  - name: a  # the case
    pod: pod.yaml
    expect:
      # what comes
      outcome: CompleteMatch # so far
      cache: web
      annotations:
        # the pin
        k8s.aliyun.com/eci-imc-id: "imc-web"
      # that is all

  # the next
  - name: b
    pod:   pod.yaml
    expect: {outcome:   CompleteMatch}
# the end
`,
    },
    {
      title: 'keeps braces',
      before: '  - {name: a, pod: pod.yaml, expect: {outcome: NoMatch, missing: ["nginx:1.27.0"]}} # one\n',
      after: '  - {name: a, pod: pod.yaml, expect: {outcome: CompleteMatch, missing: []}} # one\n',
    },
    {
      title: 'keeps blanks within braces',
      before: '  - { name: a, pod: pod.yaml, expect: { outcome: NoMatch } }\n',
      after: '  - { name: a, pod: pod.yaml, expect: { outcome: CompleteMatch } }\n',
    },
    {
      title: 'keeps lists and mappings as far in as they are',
      before: `-   name: a
    pod: pod.yaml
    expect:
        annotations:
            k8s.aliyun.com/eci-imc-id: imc-other
        warnings:
        - is Creating
        missing:
        - nginx:1.27.0
`,
      after: `-   name: a
    pod: pod.yaml
    expect:
        annotations:
            k8s.aliyun.com/eci-imc-id: imc-web
        warnings: []
        missing: []
`,
    },
    {
      title: 'has expectations where there were none',
      before: '  - name: a\n    pod: pod.yaml\n\n  - {name: b, pod: pod.yaml, expect: {}}\n',
      after: `  - name: a
    pod: pod.yaml
    expect:
      outcome: CompleteMatch
      cache: web
      annotations:
        k8s.aliyun.com/eci-imc-id: imc-web

  - {name: b, pod: pod.yaml, expect: {outcome: CompleteMatch, cache: web, annotations: {k8s.aliyun.com/eci-imc-id: imc-web}}}
`,
    },
    {
      title: 'puts quotes where YAML needs them',
      before: '  - name: a\n    pod: pod.yaml\n    expect: {absent: [k8s.aliyun.com/eci-imc-id, eci]}\n',
      after:
        '  - name: a\n    pod: pod.yaml\n    expect: {annotations: {k8s.aliyun.com/eci-imc-id: imc-web}, labels: {eci: "true"}}\n',
    },
  ])('$title', async ({ before, after }) => {
    expect(await updated(before)).toBe(after);
    expect(await updated(after)).toBe(after);
  });

  it('keeps Windows line ends', async () => {
    const [before, after] = ['NoMatch', 'CompleteMatch'].map((outcome) =>
      `${HEAD}- name: a\n  pod: pod.yaml\n  expect:\n    outcome: ${outcome}\n    cache: web\n`.replaceAll(
        '\n',
        '\r\n',
      ),
    );
    const { text, updates } = await update(before ?? '');
    expect(text).toBe(after);
    expect(updates.map((each) => [each.before, each.after])).toEqual([
      [['    outcome: NoMatch'], ['    outcome: CompleteMatch']],
    ]);
  });

  it.each(['\n', '\r\n'])('tells only the lines that come, where lines end with %j', async (end) => {
    const { updates } = await update(`${HEAD}- name: a\n  pod: pod.yaml\n`.replaceAll('\n', end));
    expect(updates.map(({ before, after }) => [before, after.slice(0, 2)])).toEqual([
      [[], ['  expect:', '    outcome: CompleteMatch']],
    ]);
  });

  it('changes only the document a case stands in', async () => {
    const other = HEAD.replace('name:   web', 'name: other');
    const good = '- {name: a, pod: pod.yaml, expect: {outcome: CompleteMatch}}\n';
    const text = `---\n---\n${HEAD}${good}---\n${other}${good.replace('Complete', 'No')}...\n`;
    expect((await update(text)).text).toBe(`---\n---\n${HEAD}${good}---\n${other}${good}...\n`);
  });

  it('stays JSON if it is JSON', async () => {
    const document = (outcome: string): string =>
      `{"apiVersion": "imc-webhook/v1", "kind": "AdmissionTest", "metadata": {"name": "a"}, "resources": ["cache.yaml"],
  "cases": [{"name": "a", "pod": "pod.yaml", "expect": {"outcome":"${outcome}"}}]}`;
    expect((await update(document('NoMatch'))).text).toBe(document('CompleteMatch'));
  });

  it('tells the lines that change', async () => {
    const { updates } = await update(
      `${HEAD}- name: a\n  pod: pod.yaml\n  expect:\n    cache: web\n    outcome: NoMatch # so far\n    missing: []\n`,
    );
    expect(updates.map(({ before, after }) => ({ before, after }))).toEqual([
      { before: ['    outcome: NoMatch # so far'], after: ['    outcome: CompleteMatch # so far'] },
    ]);
  });

  it('leaves a case alone that shares its parts with others', async () => {
    const text = `${HEAD}- name: a
  pod: pod.yaml
  expect: &same {outcome: NoMatch}
- name: b
  pod: pod.yaml
  expect: *same
`;
    const { text: after, left, updates } = await update(text);
    expect(after).toBe(text);
    expect(updates).toEqual([]);
    expect(left.map(({ result, why }) => [result.case.name, why])).toEqual([
      ['a', 'it is written with anchors, aliases or in a List'],
      ['b', 'it is written with anchors, aliases or in a List'],
    ]);
  });
});
