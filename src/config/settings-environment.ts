import { SETTING_KEYS } from './definitions.ts';
import { ENVIRONMENT_PREFIX, environmentOf } from './setting-names.ts';
import type { GivenSetting } from './settings-file.ts';
import { closest } from './suggestion.ts';

/** Variables by name, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says, and which variables look like settings but are none. */
export interface SettingsEnvironment {
  readonly given: readonly GivenSetting[];
  readonly warnings: readonly string[];
}

/** Finds the settings in the environment. An empty variable is as good as absent. */
export function readSettingsEnvironment(environment: Environment): SettingsEnvironment {
  const keys = new Map(SETTING_KEYS.map((key) => [environmentOf(key), key]));
  const given: GivenSetting[] = [];
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || value === undefined || value === '') continue;
    if (isServiceLink(name, value)) continue;
    const key = keys.get(name);
    const origin = `environment ${name}`;
    if (key === undefined) warnings.push(`${origin}: ${unknownVariable(name, [...keys.keys()])}`);
    else given.push({ key, value, origin });
  }
  return { given, warnings };
}

function unknownVariable(name: string, known: readonly string[]): string {
  const meant = closest(
    name.slice(ENVIRONMENT_PREFIX.length),
    known.map((each) => each.slice(ENVIRONMENT_PREFIX.length)),
  );
  return `unknown setting, ignored${meant === undefined ? '' : `; did you mean ${ENVIRONMENT_PREFIX}${meant}?`}`;
}

/**
 * Whether Kubernetes set the variable by itself: beside a Service called `imc` every container gets
 * `IMC_PORT=tcp://10.0.0.1:443`, `IMC_SERVICE_HOST` and more, unless the pod says `enableServiceLinks: false`.
 */
function isServiceLink(name: string, value: string): boolean {
  return (
    /_SERVICE_(?:HOST|PORT(?:_.*)?)$/.test(name) ||
    /_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value))
  );
}
