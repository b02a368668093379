import { loadConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import type { SettingKey } from '../config/definitions.ts';
import { SETTING_KEYS, SETTINGS } from '../config/definitions.ts';
import type { DecisionSettings } from '../core/settings.ts';
import { besideCaseFile } from './beside-case-file.ts';
import type { Issue } from './case-issues.ts';

/** Settings of a document, or what is wrong with them. */
export type CaseSettings =
  | { readonly settings: DecisionSettings; readonly file?: string }
  | { readonly issues: readonly Issue[] };

/**
 * Reads the `config` of a document: settings for decisions (spec sections 2 to 7), checked as those of a settings file,
 * or the path of such a file beside the case file. Neither environment nor flags count, so that a case gives the same
 * answer everywhere.
 */
export function readCaseSettings(
  config: string | Readonly<Record<string, unknown>> | undefined,
  caseFile = '',
): CaseSettings {
  // What most documents have is worked out once.
  if (config === undefined) return (defaults ??= readSettings({}, caseFile));
  return readSettings(config, caseFile);
}

let defaults: CaseSettings | undefined;

function readSettings(config: string | Readonly<Record<string, unknown>>, caseFile: string): CaseSettings {
  const context = { command: 'test' as const };
  try {
    if (typeof config === 'string') {
      const file = besideCaseFile(caseFile, config);
      return { settings: loadConfig({ file, env: {}, flags: {}, context }).config.decision, file };
    }
    const foreign = foreignKeys(config);
    if (foreign.length > 0) return { issues: foreign };
    // JSON is YAML: what a settings file takes is taken here, and nothing else.
    const loaded = loadConfig({ fileText: JSON.stringify(config), env: {}, flags: {}, context });
    return { settings: loaded.config.decision };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (typeof config === 'string') return { issues: [{ path: ['config'], problem: error.message }] };
    const issues = error.problems.map(({ key, problem }) => ({
      path: ['config', ...key.split('.').filter((step) => step !== '')],
      problem,
    }));
    return { issues };
  }
}

/** Settings there are, but none that an answer depends on. */
function foreignKeys(config: Readonly<Record<string, unknown>>): Issue[] {
  const keys = Object.entries(config).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null ? Object.keys(value).map((inner) => `${key}.${inner}`) : [key],
  );
  return keys
    .filter((key) => isSetting(key) && !SETTINGS[key].commands.includes('test'))
    .map((key) => ({ path: ['config', ...key.split('.')], problem: 'no answer depends on this setting; remove it' }));
}

function isSetting(key: string): key is SettingKey {
  return SETTING_KEYS.some((known) => known === key);
}
