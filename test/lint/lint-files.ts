import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import type { Finding } from '../../src/lint/finding-report.ts';
import type { LintedFile } from '../../src/lint/lint.ts';
import { lint } from '../../src/lint/lint.ts';
import { ManifestError } from '../../src/wire/manifest-error.ts';
import { parseManifests } from '../../src/wire/manifests.ts';
import { NOW_MS } from '../support/cluster-builder.ts';

/** Findings in these files, by name; at the moment of all tests and with the default settings. */
export function lintFiles(files: Readonly<Record<string, string>>, cluster = ''): readonly Finding[] {
  return lint({
    files: Object.entries(files).map(([file, text]) => linted(file, text)),
    cluster: parseManifests('cluster.yaml', cluster),
    settings: DEFAULT_SETTINGS,
    namespace: 'default',
    nowMs: NOW_MS,
  });
}

/** The same for one file, `a.yaml`. */
export function lintText(text: string, cluster = ''): readonly Finding[] {
  return lintFiles({ 'a.yaml': text }, cluster);
}

/** Findings as `line:column CODE message`, for tables. */
export function brief(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ code, line, column, message }) => `${line}:${column} ${code} ${message}`);
}

function linted(file: string, text: string): LintedFile {
  try {
    return { file, text, objects: parseManifests(file, text) };
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return { file, unreadable: { problem: error.problem, position: error.position } };
  }
}
