/** Name of a setting in the environment: `autoCreate.enabled` is `IMC_AUTO_CREATE_ENABLED`. */
export function environmentOf(key: string): string {
  return `${ENVIRONMENT_PREFIX}${words(key).join('_').toUpperCase()}`;
}

/** Flag of a setting: `autoCreate.enabled` is `--auto-create-enabled`. */
export function flagOf(key: string): string {
  return `--${words(key).join('-')}`;
}

/** Name under which a command-line parser keeps the flag's value: `autoCreate.enabled` is `autoCreateEnabled`. */
export function optionOf(key: string): string {
  return words(key)
    .map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('');
}

export const ENVIRONMENT_PREFIX = 'IMC_';

function words(key: string): string[] {
  return key.split(/\.|(?=[A-Z])/).map((word) => word.toLowerCase());
}
