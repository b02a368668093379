import { createCommands } from '../../src/composition/create-commands.ts';
import type { CaseFile, CaseReading } from '../../src/testing/case-file.ts';
import { readCaseFile } from '../../src/testing/case-file.ts';
import { formatProblem } from '../../src/testing/case-problem.ts';
import type { CaseResult } from '../../src/testing/case-runner.ts';
import { CaseRunner } from '../../src/testing/case-runner.ts';
import { ManifestError } from '../../src/wire/manifest-error.ts';
import { parseManifests } from '../../src/wire/manifests.ts';

/** A document of cases, of which a test says only what it is about. */
export function aDocument(parts: Readonly<Record<string, unknown>>): string {
  const whole = {
    apiVersion: 'imc-webhook/v1',
    kind: 'AdmissionTest',
    metadata: { name: 'suite' },
    cases: [{ name: 'case', pod: A_POD, expect: { outcome: 'NoMatch' } }],
    ...parts,
  };
  return JSON.stringify(whole);
}

/** A document with one case, of which a test says what it is about. */
export function aDocumentWith(
  definition: Readonly<Record<string, unknown>>,
  parts: Readonly<Record<string, unknown>> = {},
): string {
  return aDocument({ ...parts, cases: [{ name: 'case', pod: A_POD, expect: { outcome: 'NoMatch' }, ...definition }] });
}

/** A pod on ECI with two images. */
export const A_POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', labels: { eci: 'true' } },
  spec: {
    containers: [
      { name: 'web', image: 'nginx:1.27.0' },
      { name: 'log', image: 'busybox:1.36.1' },
    ],
  },
};

/** An ImageCache that can be used. */
export function aCacheObject(name: string, images: readonly string[], status: object = {}): object {
  return {
    apiVersion: 'eci.alibabacloud.com/v1',
    kind: 'ImageCache',
    metadata: { name },
    spec: { images },
    status: { phase: 'Ready', imageCacheId: `imc-${name}`, ...status },
  };
}

/** The eci-profile ConfigMap with these rules. */
export function aProfileObject(rules: readonly object[], namespace = 'kube-system'): object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'eci-profile', namespace },
    data: { selectors: JSON.stringify(rules) },
  };
}

export function read(text: string, reading?: CaseReading): CaseFile {
  return readCaseFile('web.imctest.yaml', parseManifests('web.imctest.yaml', text), reading);
}

/** The problems of a text, as they are printed. */
export function problemsOf(text: string): string[] {
  return read(text).problems.map(formatProblem);
}

/**
 * Runs the cases of a text on the engine of the program.
 *
 * @param files - what the case file names, by path.
 */
export async function runText(
  text: string,
  files: Readonly<Record<string, string>> = {},
  reading?: CaseReading,
): Promise<readonly CaseResult[]> {
  const { suites, problems } = read(text, reading);
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'));
  const commands = createCommands();
  const runner = new CaseRunner({
    openEngine: (request) => commands.openOffline(request),
    readObjects: async (path) => {
      const content = files[path];
      if (content === undefined) throw new ManifestError('no such file', { location: path });
      return parseManifests(path, content);
    },
    nowMs: Date.parse('2026-01-01T00:00:00Z'),
  });
  const results: CaseResult[] = [];
  for (const suite of suites) {
    const faults = await runner.prepare(suite);
    if (faults.length > 0) throw new Error(faults.map(formatProblem).join('\n'));
    for (const index of suite.cases.keys()) results.push(await runner.run(suite, index));
  }
  return results;
}
