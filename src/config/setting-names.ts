/** Name of a setting in the environment: `log.level` is `IMC_LOG_LEVEL`. */
export function environmentOf(key: string): string {
  return `${ENVIRONMENT_PREFIX}${words(key).join('_').toUpperCase()}`;
}

/** Flag of a setting: `log.level` is `--log-level`. */
export function flagOf(key: string): string {
  return `--${words(key).join('-')}`;
}

/** Name under which a command-line parser keeps the flag's value: `log.level` is `logLevel`. */
export function optionOf(key: string): string {
  return words(key)
    .map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('');
}

export const ENVIRONMENT_PREFIX = 'IMC_';

function words(key: string): string[] {
  return key.split(/\.|(?=[A-Z])/).map((word) => word.toLowerCase());
}
