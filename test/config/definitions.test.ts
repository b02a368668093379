import { describe, expect, it } from 'vitest';
import {
  SETTING_KEYS,
  SETTINGS,
  SETTINGS_SCHEMA,
  type SettingDefinition,
  settingsTable,
} from '../../src/config/definitions.ts';
import { environmentOf, flagOf, optionOf } from '../../src/config/setting-names.ts';

const definitions = SETTING_KEYS.map((key): [string, SettingDefinition<unknown>] => [key, SETTINGS[key]]);

describe('every setting', () => {
  it.each(definitions)('%s reads its own default', (_key, { default: fallback, defaultText, schema }) => {
    if (fallback === undefined) {
      expect(schema.safeParse(undefined)).toMatchObject({ success: true, data: undefined });
    } else {
      expect(schema.safeParse(fallback)).toMatchObject({ success: true });
      expect(schema.safeParse(String(fallback)), 'as a text, as the environment has it').toEqual(
        schema.safeParse(fallback),
      );
      expect(defaultText).toBeUndefined();
    }
  });

  it.each(definitions)('%s reads its documented examples', (_key, { examples, schema }) => {
    expect(examples).not.toHaveLength(0);
    for (const example of examples) {
      expect(schema.safeParse(example), JSON.stringify(example)).toMatchObject({ success: true });
      expect(schema.safeParse(String(example))).toEqual(schema.safeParse(example));
    }
  });

  it.each(definitions)('%s refuses what is no value at all', (_key, { schema }) => {
    // An empty list is one.
    const none = schema.safeParse(['x']).success ? [] : [[]];
    for (const value of ['', ...none, {}, null, Number.NaN, -1, '\0']) {
      expect(schema.safeParse(value), JSON.stringify(value)).toMatchObject({ success: false });
    }
  });

  it.each(definitions)('%s is described in one sentence', (_key, { description }) => {
    expect(description).toMatch(/^[A-Z`].*[^.]\.$/);
    expect(description).not.toMatch(/\. /);
    expect(description).not.toContain('|');
  });

  it('is taken by serve or the controller, those of the decision by review and explain too, and what tells of new caches by explain', () => {
    for (const [key, { commands, applies }] of definitions) {
      if (commands.join() === 'controller') continue;
      expect(commands, key).toContain('serve');
      // Which cluster to ask is a question of its own.
      if (key === 'kubeconfig' || key === 'context') continue;
      if (!key.startsWith('autoCreate.')) expect(commands.includes('review'), key).toBe(commands.includes('explain'));
      else expect(commands, key).toContain('explain');
      if (commands.includes('review')) expect(applies, key).toBe('hot');
    }
  });
});

describe('names', () => {
  it.each([
    ['mode', 'IMC_MODE', '--mode', 'mode'],
    ['log.level', 'IMC_LOG_LEVEL', '--log-level', 'logLevel'],
    ['autoCreate.enabled', 'IMC_AUTO_CREATE_ENABLED', '--auto-create-enabled', 'autoCreateEnabled'],
    ['caOut', 'IMC_CA_OUT', '--ca-out', 'caOut'],
  ])('of %s follow from the key', (key, environment, flag, option) => {
    expect([environmentOf(key), flagOf(key), optionOf(key)]).toEqual([environment, flag, option]);
  });

  it('are all different', () => {
    expect(new Set(SETTING_KEYS.map(environmentOf)).size).toBe(SETTING_KEYS.length);
    expect(new Set(SETTING_KEYS.map(flagOf)).size).toBe(SETTING_KEYS.length);
    expect(new Set(SETTING_KEYS.map(optionOf)).size).toBe(SETTING_KEYS.length);
  });

  it('of no setting are those of a group of others', () => {
    for (const key of SETTING_KEYS) expect(SETTING_KEYS.filter((other) => other.startsWith(`${key}.`))).toEqual([]);
  });
});

describe('SETTINGS_SCHEMA', () => {
  it('knows every setting and no other', () => {
    expect(Object.keys(SETTINGS_SCHEMA.shape)).toEqual(SETTING_KEYS);
  });
});

describe('settingsTable', () => {
  it('has a row for every setting in the order of the definitions', () => {
    expect(settingsTable().map(({ key }) => key)).toEqual(SETTING_KEYS);
    expect(settingsTable('serve')).toEqual(settingsTable().filter(({ commands }) => commands.includes('serve')));
  });

  it('says all about a setting', () => {
    expect(settingsTable()[5]).toEqual({
      key: 'expiryMargin',
      flag: '--expiry-margin',
      environment: 'IMC_EXPIRY_MARGIN',
      type: 'duration',
      default: '`4h`',
      applies: 'hot',
      commands: ['serve', 'review', 'explain', 'caches', 'test', 'lint', 'controller'],
      description: expect.stringContaining('expires') as string,
    });
  });

  it.each([
    ['mode', 'enforce | observe | off', '`enforce`'],
    ['controller.driver', 'external | simulated | eci', '`simulated` with files, `external` in a cluster'],
    ['drainSeconds', '0 to 3600', '`10`'],
    ['host', 'address', '`::`'],
    ['tls.key', 'file', 'none'],
    ['dir', 'folder', '`.`'],
  ])('shows %s as %s with its default', (key, type, fallback) => {
    expect(settingsTable().find((row) => row.key === key)).toMatchObject({ type, default: fallback });
  });

  it('has only the settings of the decision, and the cluster to ask, for review', () => {
    expect(settingsTable('review').map(({ key }) => key)).toEqual([
      'mode',
      'podScope',
      'partialMatch',
      'unreadyPin',
      'registryAliases',
      'expiryMargin',
      'warnings',
      'controller.driver',
      'autoCreate.mutableTags',
      'kubeconfig',
      'context',
    ]);
  });
});
