import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { literalPattern } from '../../src/testing/literal-pattern.ts';
import { isJsonObject, listMember, member } from '../../src/wire/json.ts';
import { imc } from '../cli/recording-terminal.ts';
import { ReviewPoster } from '../composition/https-client.ts';
import { startApplication } from '../composition/running-application.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import type { GoldenCase } from './golden-case.ts';
import {
  expectedAnswer,
  formatExpected,
  GOLDEN_FOLDER,
  goldenCases,
  reviewedAgain,
  withRequest,
} from './golden-case.ts';
import { updateGoldenCases } from './update.ts';

const CASES = goldenCases();

/** In the order of spec A2; `would` stands for `id` in mode `observe` (spec M12). */
const DECISION_KEYS = ['outcome', 'cache', 'id', 'would', 'exact', 'images', 'missing', 'rules'];

describe.each(CASES)('golden case $name', (golden) => {
  it('says in one line why it exists and which rules it is about', () => {
    expect(golden.readMe()).toMatch(/^[A-Z`].+\(spec (section )?[A-Z0-9]+.*\)\.\n$/);
  });

  it('is answered as expected by the engine, over HTTPS, by the command line and in a case file, with equal bytes (spec 0, A1)', async () => {
    const byEngine = golden.answer(golden.review());
    expect(formatExpected(expectedAnswer(byEngine))).toBe(formatExpected(expectedOf(golden)));
    expect(byEngine.body).toBe(JSON.stringify(expectedOf(golden).body));

    const [overHttps, byCommandLine] = [await answerOverHttps(golden), await answerByCommandLine(golden)];
    expect(await responseInCaseFile(golden)).toBe(JSON.stringify(expectedOf(golden).body['response']));
    expect(overHttps.first).toBe(byEngine.body);
    expect(byCommandLine).toBe(`${byEngine.body}\n`);
    expect(overHttps.withDryRunFlipped).toBe(byEngine.body);
  });

  it('is answered in the form of the contract: keys, sizes and places (spec A1, A2, A3)', () => {
    const { patch = [], decision, body } = expectedOf(golden);
    for (const { path } of patch) expect(path).toMatch(/^\/metadata(\/(annotations|labels)(\/[^/]+)?)?$/);
    const { added: _, ...bounded } = isJsonObject(decision) ? decision : {};
    expect(DECISION_KEYS.filter((key) => Object.hasOwn(bounded, key))).toEqual(Object.keys(bounded));
    expect(Buffer.byteLength(JSON.stringify(bounded))).toBeLessThan(4096);
    const warnings = listMember(body['response'], 'warnings').map(String);
    expect(warnings.length).toBeLessThanOrEqual(3);
    for (const warning of warnings) expect(warning).toMatch(/^[^\p{Cc}\u2028\u2029]{1,120}$/u);
  });

  it('is answered without a patch when the answer itself is reviewed (spec M11)', () => {
    const { body } = golden.answer(golden.review());
    const again = golden.answer(reviewedAgain(golden.review(), body));
    expect(expectedAnswer(again).patch).toBeUndefined();
    expect(again.outcome).toBe(expectedOf(golden).outcome);
    expect(member(member(JSON.parse(again.body), 'response'), 'allowed')).toBe(
      member(expectedOf(golden).body['response'], 'allowed'),
    );
  });

  it('is answered with the same bytes when dryRun is the other way round (spec G5)', () => {
    const review = golden.review();
    expect(golden.answer(flipDryRun(golden)).body).toBe(golden.answer(review).body);
  });
});

describe('the golden cases together', () => {
  it.each([
    'CompleteMatch',
    'PartialMatch',
    'NoMatch',
    'PerfectMatchUnsatisfied',
    'MatchCountUnsatisfied',
    'Pinned',
    'PinUnknown',
    'PinNotReady',
    'AutoDisabled',
    'Skipped',
    'Error',
  ])('show the outcome %s', (outcome) => {
    expect(CASES.map((golden) => golden.expected()?.outcome)).toContain(outcome);
  });

  it.each([
    'NotCreate',
    'NotPod',
    'SystemNamespace',
    'Ignored',
    'Acs',
    'Mirror',
    'RealNode',
    'DaemonSet',
    'NotEci',
    'Off',
  ])('show a review skipped as %s (spec G7)', (reason) => {
    expect(CASES.map((golden) => golden.expected()?.reason)).toContain(reason);
  });
});

describe('golden:update', () => {
  it('writes a missing expectation, names it, and leaves those that hold', () => {
    const folder = temporaryFolder();
    const [first, second] = CASES;
    if (first === undefined || second === undefined) throw new Error('there are golden cases');
    for (const { name } of [first, second]) cpSync(join(GOLDEN_FOLDER, name), join(folder, name), { recursive: true });
    rmSync(join(folder, second.name, 'expected.json'));

    expect(updateGoldenCases(folder)).toEqual([`${second.name} (new)`]);
    expect(goldenCases(folder).map((golden) => golden.expected())).toEqual([first.expected(), second.expected()]);
    expect(updateGoldenCases(folder)).toEqual([]);
  });
});

function expectedOf(golden: GoldenCase) {
  const expected = golden.expected();
  if (expected === undefined) throw new Error(`${golden.expectedFile} is missing: run npm run golden:update`);
  return expected;
}

function flipDryRun(golden: GoldenCase) {
  const review = golden.review();
  return withRequest(review, { dryRun: member(review['request'], 'dryRun') !== true });
}

async function answerOverHttps(golden: GoldenCase) {
  const decision = golden.decisionSettings();
  const application = await startApplication({ dir: golden.clusterFolder, decision: () => decision });
  const poster = new ReviewPoster(application.server, application.ca);
  try {
    const first = await poster.post(JSON.stringify(golden.review()));
    const withDryRunFlipped = await poster.post(JSON.stringify(flipDryRun(golden)));
    expect([first.status, withDryRunFlipped.status]).toEqual([200, 200]);
    return { first: first.text, withDryRunFlipped: withDryRunFlipped.text };
  } finally {
    poster.close();
    await application.stop();
  }
}

async function answerByCommandLine(golden: GoldenCase) {
  const settings = golden.settingsFile === undefined ? [] : ['--config', golden.settingsFile];
  const { code, out } = await imc([
    'review',
    '-f',
    golden.reviewFile,
    '--dir',
    golden.clusterFolder,
    '-o',
    'review',
    ...settings,
  ]);
  const response = member(expectedOf(golden).body, 'response');
  expect(code).toBe(member(response, 'allowed') === true ? 0 : 1);
  return out;
}

/** The response to a case that expects what the golden case does, and nothing else. */
async function responseInCaseFile(golden: GoldenCase) {
  const { outcome, reason, body } = expectedOf(golden);
  const response = member(body, 'response');
  const allowed = member(response, 'allowed') === true;
  const warnings = listMember(response, 'warnings').map((warning) => `^${literalPattern(String(warning))}$`);
  const document = {
    apiVersion: 'imc-webhook/v1',
    kind: 'AdmissionTest',
    metadata: { name: golden.name },
    resources: readdirSync(golden.clusterFolder).length === 0 ? [] : [golden.clusterFolder],
    ...(golden.settingsFile === undefined ? {} : { config: golden.settingsFile }),
    cases: [
      {
        name: golden.readMe(),
        pod: golden.reviewFile,
        expect: { allowed, outcome, warnings, ...(outcome === 'Skipped' ? { reason } : {}) },
      },
    ],
  };
  const folder = temporaryFolder({ 'golden.imctest.yaml': JSON.stringify(document) });
  const { code, out, err } = await imc(['test', folder, '-o', 'json']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const results = JSON.parse(out) as { cases: { response: unknown }[] }; // see test/cli/test-command.test.ts
  return JSON.stringify(results.cases[0]?.response);
}
