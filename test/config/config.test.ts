import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConfigRequest, type LoadedConfig, loadConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { SETTING_KEYS, SETTINGS, type SettingKey } from '../../src/config/definitions.ts';
import { environmentOf, optionOf } from '../../src/config/setting-names.ts';
import { DEFAULT_CREATION_SETTINGS, DEFAULT_SETTINGS } from '../../src/core/settings.ts';

const EXAMPLE = new URL('../../examples/imc.yaml', import.meta.url).pathname;

describe('without any choice', () => {
  it.each([
    ['no file', undefined],
    ['an empty file', ''],
    ['a file of comments', '# nothing\n---\n# here\n'],
    ['an empty mapping', '{}'],
    ['keys without values', 'mode:\nlog:\ntls:\n  cert:\n  key: ~\nport: null\n'],
  ])('the defaults are in force: %s', (_title, fileText) => {
    const { config, warnings } = load({ fileText });
    expect(config).toEqual({
      decision: DEFAULT_SETTINGS,
      autoCreate: DEFAULT_CREATION_SETTINGS,
      simulateBuildMs: 5_000,
      drainSeconds: 10,
      logLevel: 'info',
      serve: {
        source: { kind: 'files', dir: '.' },
        host: '::',
        port: 8443,
        adminHost: '127.0.0.1',
        adminPort: 8080,
        certificate: { kind: 'self-signed', caOut: undefined },
        clientCa: undefined,
      },
      controller: {
        cluster: { kubeconfig: undefined, context: undefined },
        adminHost: '127.0.0.1',
        adminPort: 8080,
        lease: 'eci-imagecache-webhook-controller',
        profileConfigMap: 'eci-imagecache-webhook-profile',
        stateConfigMap: 'eci-imagecache-webhook-state',
        certificates: undefined,
      },
      cluster: undefined,
    });
    expect(warnings).toEqual([]);
  });

  it('the settings file of the examples says the same', () => {
    const { config, values, warnings } = load({ file: EXAMPLE });
    const defaults = load({});
    expect(config).toEqual(defaults.config);
    expect(values).toEqual({ ...defaults.values, 'controller.driver': 'simulated' });
    expect(warnings).toEqual([]);
  });

  it('nothing of it can be changed', () => {
    const { config, values } = load({});
    for (const part of [config, config.decision, config.serve, config.serve.source, config.serve.certificate, values]) {
      expect(part).toSatisfy(Object.isFrozen);
    }
  });
});

/** What file, environment and flag say, and the value each gives. */
const CHOICES: Readonly<Record<SettingKey, readonly [unknown, string, string, unknown, unknown, unknown]>> = {
  mode: ['observe', 'off', 'enforce', 'observe', 'off', 'enforce'],
  podScope: ['all', 'eci', 'all', 'all', 'eci', 'all'],
  partialMatch: ['pin', 'delegate', 'auto', 'pin', 'delegate', 'auto'],
  unreadyPin: ['deny', 'warn', 'deny', 'deny', 'warn', 'deny'],
  registryAliases: ['repository', 'off', 'repository', 'repository', 'off', 'repository'],
  expiryMargin: ['1h', '90m', '0', 3_600_000, 5_400_000, 0],
  warnings: ['off', 'on', 'off', 'off', 'on', 'off'],
  'controller.driver': ['eci', 'external', 'simulated', 'eci', 'external', 'simulated'],
  'autoCreate.enabled': [true, 'false', 'auto', 'true', 'false', 'auto'],
  'autoCreate.allow': [['a/*', 'b'], 'c', 'd,e', ['a/*', 'b'], ['c'], ['d', 'e']],
  'autoCreate.deny': [[], 'c, d', 'e', [], ['c', 'd'], ['e']],
  'autoCreate.mutableTags': [['dev'], 'a', 'b,c', ['dev'], ['a'], ['b', 'c']],
  'autoCreate.maxCaches': [1, '2', '0', 1, 2, 0],
  'autoCreate.perMinute': [1, '2', '0', 1, 2, 0],
  'autoCreate.buildDeadline': ['1h', '90m', '0', 3_600_000, 5_400_000, 0],
  'autoCreate.retentionDays': [1, '2', '65536', 1, 2, 65_536],
  'autoCreate.share': ['cluster', 'namespace', 'cluster', 'cluster', 'namespace', 'cluster'],
  'autoCreate.copyAnnotations': [['a'], 'b', 'c', ['a'], ['b'], ['c']],
  simulateBuild: ['1m', '2s', '0', 60_000, 2_000, 0],
  drainSeconds: [1, '2', '3', 1, 2, 3],
  'log.level': ['debug', 'warn', 'error', 'debug', 'warn', 'error'],
  source: ['files', 'kubernetes', 'files', 'files', 'kubernetes', 'files'],
  dir: ['a', 'b', 'c', 'a', 'b', 'c'],
  kubeconfig: ['a', 'b', 'c', 'a', 'b', 'c'],
  context: ['a', 'b', 'c', 'a', 'b', 'c'],
  profileConfigMap: ['a', 'b', 'c', 'a', 'b', 'c'],
  host: ['::1', '0.0.0.0', 'localhost', '::1', '0.0.0.0', 'localhost'],
  port: [1, '2', '0', 1, 2, 0],
  adminHost: ['::1', '0.0.0.0', 'localhost', '::1', '0.0.0.0', 'localhost'],
  adminPort: [1, '2', '65535', 1, 2, 65_535],
  'tls.cert': ['a', 'b', 'c', 'a', 'b', 'c'],
  'tls.key': ['a', 'b', 'c', 'a', 'b', 'c'],
  certDir: ['a', 'b', 'c', 'a', 'b', 'c'],
  caOut: ['a', 'b', 'c', 'a', 'b', 'c'],
  'tls.secret': ['a', 'b', 'c', 'a', 'b', 'c'],
  'tls.webhookConfiguration': ['a', 'b', 'c', 'a', 'b', 'c'],
  'tls.podSelector': ['app=a', 'app=b', 'app=c', 'app=a', 'app=b', 'app=c'],
  'controller.lease': ['a', 'b', 'c', 'a', 'b', 'c'],
  'controller.stateConfigMap': ['a', 'b', 'c', 'a', 'b', 'c'],
  clientCa: ['a', 'b', 'c', 'a', 'b', 'c'],
};

describe('where the cluster is read from (spec 8)', () => {
  const IN_CLUSTER = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };

  it.each<[string, Partial<ConfigRequest>, string, string]>([
    ['files outside of a cluster', {}, 'files', 'simulated'],
    ['the API server inside of one', { env: IN_CLUSTER }, 'kubernetes', 'external'],
    ['the API server with a kubeconfig', { flags: { kubeconfig: 'k' } }, 'kubernetes', 'external'],
    ['the API server with a context', { flags: { context: 'c' } }, 'kubernetes', 'external'],
    ['files inside of a cluster if a folder is named', { env: IN_CLUSTER, flags: { dir: 'd' } }, 'files', 'simulated'],
    ['what is chosen: files', { env: IN_CLUSTER, flags: { source: 'files' } }, 'files', 'simulated'],
    ['what is chosen: the API server', { fileText: 'source: kubernetes' }, 'kubernetes', 'external'],
    ['the driver that is chosen', { env: { ...IN_CLUSTER, IMC_CONTROLLER_DRIVER: 'eci' } }, 'kubernetes', 'eci'],
  ])('%s', (_title, request, kind, driver) => {
    const { config, warnings } = load(request);
    expect(config.serve.source.kind).toBe(kind);
    expect(config.decision.controllerDriver).toBe(driver);
    expect(warnings).toEqual([]);
  });

  it('kubeconfig, context and the place of the last good eci-profile are told to whoever reads it', () => {
    const { config } = load({ fileText: 'kubeconfig: k\ncontext: c\nprofileConfigMap: p' });
    expect(config.serve.source).toEqual({ kind: 'kubernetes', kubeconfig: 'k', context: 'c', profileConfigMap: 'p' });
    expect(config.cluster).toEqual({ kubeconfig: 'k', context: 'c' });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a folder', { source: 'kubernetes', dir: 'd' }, 'flag --dir: dir: no effect with the source kubernetes'],
    [
      'a kubeconfig',
      { source: 'files', kubeconfig: 'k' },
      'flag --kubeconfig: kubeconfig: no effect with the source files',
    ],
  ])('%s beside the other source deserves a warning', (_title, flags, warning) => {
    expect(load({ flags }).warnings).toEqual([warning]);
  });

  it.each<[string, Partial<ConfigRequest>, string]>([
    ['files decide as files do, also inside of a cluster', { env: IN_CLUSTER }, 'simulated'],
    ['a live cluster decides as one', { flags: { kubeconfig: 'k' } }, 'external'],
    [
      'a folder that is named goes before a kubeconfig that is set',
      { env: { IMC_KUBECONFIG: 'k' }, flags: { dir: 'd' } },
      'simulated',
    ],
    ['settings of a server in a cluster mean what they mean there', { fileText: 'source: kubernetes' }, 'external'],
  ])('for other commands: %s', (_title, request, driver) => {
    const { config, warnings } = load({ ...request, context: { command: 'explain' } });
    expect(config.decision.controllerDriver).toBe(driver);
    expect(warnings).toEqual([]);
  });
});

describe('flags win over environment over file', () => {
  it.each(SETTING_KEYS)('%s', (key) => {
    const [inFile, inEnvironment, inFlag, ofFile, ofEnvironment, ofFlag] = CHOICES[key];
    // The two parts of a pair are nothing without each other.
    const other = { 'tls.cert': { tlsKey: 'k' }, 'tls.key': { tlsCert: 'c' } }[key as string] ?? {};
    const fileText = JSON.stringify(nest(key, inFile));
    const env = { [environmentOf(key)]: inEnvironment };
    const flags = { ...other, [optionOf(key)]: inFlag };

    const [command = 'serve'] = SETTINGS[key].commands;
    const read = (request: Partial<ConfigRequest>) => load({ context: { command }, ...request }).values[key];
    expect(read({ fileText, flags: other })).toEqual(ofFile);
    expect(read({ fileText, env, flags: other })).toEqual(ofEnvironment);
    expect(read({ fileText, env, flags })).toEqual(ofFlag);
    expect(read({ env, flags: other })).toEqual(ofEnvironment);
    expect(read({ flags })).toEqual(ofFlag);
  });

  it('also over a value that could not be used', () => {
    expect(load({ fileText: 'mode: on', env: { IMC_MODE: 'off' } }).config.decision.mode).toBe('off');
    expect(load({ env: { IMC_SOURCE: 'kubernetes' }, flags: { source: 'files' } }).config.serve.source.kind).toBe(
      'files',
    );
  });

  it('and an empty variable is none', () => {
    expect(load({ fileText: 'mode: observe', env: { IMC_MODE: '' } }).config.decision.mode).toBe('observe');
  });

  it('and a command sees only its own flags, but file and environment as a whole', () => {
    const request = {
      fileText: 'drainSeconds: 4',
      env: { IMC_PORT: '1' },
      flags: { dir: 'd', mode: 'off', output: 'json' },
    };
    const { config } = load({ ...request, context: { command: 'review' } });
    expect(config.decision.mode).toBe('off');
    expect(config.serve).toMatchObject({ source: { dir: '.' }, port: 1 });
    expect(config.drainSeconds).toBe(4);
  });
});

describe('each value has its place in the config', () => {
  it('for the decision', () => {
    const fileText = `
      { mode: observe, podScope: all, partialMatch: pin, unreadyPin: deny, registryAliases: repository,
        expiryMargin: 1m, warnings: off, controller: { driver: external }, autoCreate: { mutableTags: [edge] } }`;
    expect(load({ fileText }).config.decision).toEqual({
      mode: 'observe',
      podScope: 'all',
      partialMatch: 'pin',
      unreadyPin: 'deny',
      registryAliases: 'repository',
      expiryMarginMs: 60_000,
      warnings: 'off',
      controllerDriver: 'external',
      mutableTags: ['edge'],
    });
  });

  it('for new ImageCaches', () => {
    const fileText = `
      autoCreate:
        { enabled: true, allow: [a, b], deny: c, mutableTags: [], maxCaches: 1, perMinute: 2, buildDeadline: 1m,
          retentionDays: 3, share: cluster, copyAnnotations: [d] }`;
    expect(load({ fileText }).config.autoCreate).toEqual({
      enabled: 'true',
      allow: ['a', 'b'],
      deny: ['c'],
      mutableTags: [],
      maxCaches: 1,
      perMinute: 2,
      buildDeadlineMs: 60_000,
      retentionDays: 3,
      share: 'cluster',
      copyAnnotations: ['d'],
    });
  });

  it('for the server', () => {
    const fileText = `
      { drainSeconds: 0, log: { level: debug }, dir: d, host: 10.0.0.1, port: 1, adminHost: h.example, adminPort: 2,
        caOut: o, clientCa: a }`;
    expect(load({ fileText }).config).toMatchObject({
      drainSeconds: 0,
      logLevel: 'debug',
      serve: {
        source: { kind: 'files', dir: 'd' },
        host: '10.0.0.1',
        port: 1,
        adminHost: 'h.example',
        adminPort: 2,
        certificate: { kind: 'self-signed', caOut: 'o' },
        clientCa: 'a',
      },
    });
  });

  it.each([
    [
      { tlsCert: 'c', tlsKey: 'k' },
      { kind: 'files', cert: 'c', key: 'k' },
    ],
    [{ certDir: 'd' }, { kind: 'folder', dir: 'd' }],
    [
      { tlsSecret: 's', kubeconfig: 'k' },
      { kind: 'secret', name: 's', cluster: { kubeconfig: 'k', context: undefined } },
    ],
  ])('for the certificate: %j', (flags, certificate) => {
    expect(load({ flags }).config.serve.certificate).toEqual(certificate);
  });

  it('for the controller', () => {
    const fileText = `{ tls: { secret: s, webhookConfiguration: w, podSelector: app=x }, controller: { lease: l, stateConfigMap: s }, profileConfigMap: p, port: 1 }`;
    const flags = { context: 'c', adminHost: '::', adminPort: '2' };
    expect(load({ fileText, flags, context: { command: 'controller' } }).config.controller).toEqual({
      cluster: { kubeconfig: undefined, context: 'c' },
      adminHost: '::',
      adminPort: 2,
      lease: 'l',
      profileConfigMap: 'p',
      stateConfigMap: 's',
      certificates: { secret: 's', webhookConfiguration: 'w', podSelector: 'app=x', port: 1 },
    });
  });

  it.each([
    ['mode: off', 'mode', 'off'],
    ['mode: false', 'mode', 'off'],
    ['mode: "false"', 'mode', 'off'],
    ['{"mode": false}', 'mode', 'off'],
    ['warnings: false', 'warnings', 'off'],
    ['warnings: true', 'warnings', 'on'],
    ['registryAliases: false', 'registryAliases', 'off'],
    ['%YAML 1.1\n---\nwarnings: off', 'warnings', 'off'],
    ['expiryMargin: 0', 'expiryMargin', 0],
    ['port: "9443"', 'port', 9443],
    ['podScope: &all all\ndir: *all', 'dir', 'all'],
  ] as const)('however it is written: %s', (fileText, key, value) => {
    expect(load({ fileText }).values[key]).toBe(value);
  });
});

describe('a value that cannot be used', () => {
  const AN_ADDRESS = 'expected an IP address or a host name, without port or brackets';
  const A_DURATION = 'expected a duration of 0 or more, such as 4h, 90m, 1h30m or 0';

  it.each([
    ['mode', 'enforced', 'expected enforce, observe or off, not "enforced"; did you mean enforce?'],
    ['mode', true, 'expected enforce, observe or off, not true'],
    ['mode', 'on', 'expected enforce, observe or off, not "on"'],
    ['mode', ['off'], 'expected enforce, observe or off, not a list'],
    ['mode', { off: true }, 'expected enforce, observe or off, not a mapping'],
    ['mode', 'x'.repeat(100), `expected enforce, observe or off, not "${'x'.repeat(59)}…`],
    ['podScope', 'ECI', 'expected eci or all, not "ECI"; did you mean eci?'],
    ['partialMatch', 'none', 'expected auto, pin or delegate, not "none"'],
    ['partialMatch', false, 'expected auto, pin or delegate, not false'],
    ['unreadyPin', 'refuse', 'expected warn or deny, not "refuse"'],
    ['registryAliases', 'repositories', 'expected off or repository, not "repositories"; did you mean repository?'],
    ['registryAliases', true, 'expected off or repository, not true'],
    ['expiryMargin', '4', `${A_DURATION}, not "4"`],
    ['expiryMargin', 4, `${A_DURATION}, not 4`],
    ['expiryMargin', '-4h', `${A_DURATION}, not "-4h"`],
    ['expiryMargin', '4 hours', `${A_DURATION}, not "4 hours"`],
    ['warnings', 'none', 'expected on or off, not "none"'],
    ['controller.driver', 'kubernetes', 'expected external, simulated or eci, not "kubernetes"'],
    ['drainSeconds', 3601, 'expected a whole number from 0 to 3600, not 3601'],
    ['drainSeconds', -1, 'expected a whole number from 0 to 3600, not -1'],
    ['drainSeconds', 1.5, 'expected a whole number from 0 to 3600, not 1.5'],
    ['drainSeconds', '10s', 'expected a whole number from 0 to 3600, not "10s"'],
    ['log.level', 'trace', 'expected debug, info, warn or error, not "trace"'],
    ['log.level', 'warning', 'expected debug, info, warn or error, not "warning"'],
    ['source', 'file', 'expected files or kubernetes, not "file"; did you mean files?'],
    ['dir', '', 'expected the path of a folder, not ""'],
    ['dir', 7, 'expected the path of a folder, not 7'],
    ['host', '0.0.0.0:8443', `${AN_ADDRESS}, not "0.0.0.0:8443"`],
    ['host', '[::]', `${AN_ADDRESS}, not "[::]"`],
    ['host', 'https://example', `${AN_ADDRESS}, not "https://example"`],
    ['host', 5, `${AN_ADDRESS}, not 5`],
    ['port', 65_536, 'expected a whole number from 0 to 65535, not 65536'],
    ['port', '8443/tcp', 'expected a whole number from 0 to 65535, not "8443/tcp"'],
    ['adminHost', 'a b', `${AN_ADDRESS}, not "a b"`],
    ['adminPort', 'http', 'expected a whole number from 0 to 65535, not "http"'],
    ['certDir', '', 'expected the path of a folder, not ""'],
    ['caOut', '', 'expected the path of a file, not ""'],
    ['clientCa', [], 'expected the path of a file, not a list'],
  ] as const)('%s: %j', (key, value, problem) => {
    const fileText = JSON.stringify(nest(key, value));
    const column = fileText.indexOf(JSON.stringify(value)) + 1;
    expect(problemsOf({ file: 'imc.yaml', fileText })).toEqual([{ key, origin: `imc.yaml:1:${column}`, problem }]);
    if (typeof value === 'string') {
      expect(problemsOf({ flags: { [optionOf(key)]: value } })).toMatchObject([{ key, problem }]);
      if (value !== '') expect(problemsOf({ env: { [environmentOf(key)]: value } })).toMatchObject([{ key, problem }]);
    }
  });

  it.each(['tls.cert', 'tls.key'] as const)('%s must be the path of a file', (key) => {
    const fileText = JSON.stringify({ tls: { cert: 'c', key: 'k', [key.slice(4)]: 1 } });
    expect(problemsOf({ fileText })).toMatchObject([{ key, problem: 'expected the path of a file, not 1' }]);
  });

  it('is named with the place it came from', () => {
    expect(problemsOf({ env: { IMC_LOG_LEVEL: 'loud' } })[0]?.origin).toBe('environment IMC_LOG_LEVEL');
    expect(problemsOf({ flags: { logLevel: 'loud' } })[0]?.origin).toBe('flag --log-level');
  });

  it('is one of many, all of which are told at once, in the order of the sources', () => {
    const error = failure({
      file: 'imc.yaml',
      fileText: 'tls: { cert: c }\nmoode: off\nlog: loud\nunreadyPin: maybe\n',
      env: { IMC_MODE: 'maybe', IMC_PORT: 'x' },
      flags: { port: 'y' },
    });
    expect(error).toMatchObject({ name: 'ConfigError', code: 'ERR_CONFIG_INVALID' });
    expect(error.message.split('\n')).toEqual([
      '6 problems in the settings:',
      '  imc.yaml:3:6: log: expected a mapping such as log: { level: … }',
      '  imc.yaml:1:14: tls.cert: needs tls.key as well; give --tls-key, IMC_TLS_KEY or tls.key in the file',
      '  imc.yaml:2:1: moode: unknown setting; did you mean mode?',
      '  imc.yaml:4:13: unreadyPin: expected warn or deny, not "maybe"',
      '  environment IMC_MODE: mode: expected enforce, observe or off, not "maybe"',
      '  flag --port: port: expected a whole number from 0 to 65535, not "y"',
    ]);
  });
});

describe('settings that do not go together', () => {
  it.each([
    [
      'a certificate without its key',
      { flags: { tlsCert: 'c' } },
      ['tls.cert', 'flag --tls-cert', 'needs tls.key as well; give --tls-key, IMC_TLS_KEY or tls.key in the file'],
    ],
    [
      'a key without its certificate',
      { env: { IMC_TLS_KEY: 'k' } },
      [
        'tls.key',
        'environment IMC_TLS_KEY',
        'needs tls.cert as well; give --tls-cert, IMC_TLS_CERT or tls.cert in the file',
      ],
    ],
    [
      'a folder and files',
      { fileText: 'certDir: d', env: { IMC_TLS_KEY: 'k' }, flags: { tlsCert: 'c' } },
      ['certDir', '<settings>:1:10', 'cannot be combined with tls.cert (flag --tls-cert); remove one of them'],
    ],
    [
      'a Secret and a folder',
      { fileText: 'certDir: d', flags: { tlsSecret: 's' } },
      ['tls.secret', 'flag --tls-secret', 'cannot be combined with certDir (<settings>:1:10); remove one of them'],
    ],
    [
      'a Secret and files',
      { env: { IMC_TLS_SECRET: 's' }, flags: { tlsCert: 'c', tlsKey: 'k' } },
      [
        'tls.secret',
        'environment IMC_TLS_SECRET',
        'cannot be combined with tls.cert (flag --tls-cert); remove one of them',
      ],
    ],
    [
      'one port for both listeners',
      { flags: { port: '8080' } },
      ['port', 'flag --port', 'port and adminPort are the same; choose another for one of them'],
    ],
    [
      'one port for both listeners, on one address',
      { fileText: 'adminPort: 8443\nhost: 127.0.0.1' },
      ['adminPort', '<settings>:1:12', 'port and adminPort are the same; choose another for one of them'],
    ],
  ] as const)('%s', (_title, request, [key, origin, problem]) => {
    expect(problemsOf(request)).toEqual([{ key, origin, problem }]);
  });

  it.each([
    { port: '0', adminPort: '0' },
    { port: '8080', host: '10.0.0.1' },
  ])('but these do: %j', (flags) => {
    expect(load({ flags }).values).toMatchObject({ port: Number(flags.port) });
  });

  it('one that has no effect beside another is a warning', () => {
    const { config, warnings } = load({ flags: { certDir: 'd', caOut: 'o' } });
    expect(config.serve.certificate).toEqual({ kind: 'folder', dir: 'd' });
    expect(warnings).toEqual([
      'flag --ca-out: caOut: no effect with certDir, since the program then makes no certificate',
    ]);
  });
});

describe('unknown keys of the file', () => {
  it.each([
    ['partialmatch: pin', 'partialmatch', 'unknown setting; did you mean partialMatch?'],
    ['partialMacth: pin', 'partialMacth', 'unknown setting; did you mean partialMatch?'],
    ['logLevel: info', 'logLevel', 'unknown setting; did you mean log.level?'],
    ['log: { levle: info }', 'log.levle', 'unknown setting; did you mean log.level?'],
    ['lgo: { level: info }', 'lgo', 'unknown setting; did you mean log?'],
    ['tls: { crt: x }', 'tls.crt', 'unknown setting; did you mean tls.cert?'],
    ['autoCreate: { maxCahces: 1 }', 'autoCreate.maxCahces', 'unknown setting; did you mean autoCreate.maxCaches?'],
    ['log.level: info', 'log.level', 'unknown setting; write it as log: { level: … }'],
    ['mode: { mode: off }', 'mode', 'expected enforce, observe or off, not a mapping'],
    ['unheard:', 'unheard', 'unknown setting; remove it'],
    ['__proto__: { mode: off }', '__proto__', 'unknown setting; remove it'],
    ['constructor: x', 'constructor', 'unknown setting; remove it'],
    ['<<: { mode: off }', '<<', 'unknown setting; remove it'],
    ['5: x', '5', 'unknown setting; remove it'],
  ])('%s', (fileText, key, problem) => {
    expect(problemsOf({ fileText })).toMatchObject([{ key, problem }]);
  });
});

describe('unknown variables', () => {
  it.each([
    ['IMC_MOED', 'off', 'environment IMC_MOED: unknown setting, ignored; did you mean IMC_MODE?'],
    ['IMC_LOGLEVEL', 'off', 'environment IMC_LOGLEVEL: unknown setting, ignored; did you mean IMC_LOG_LEVEL?'],
    ['IMC_UNHEARD', 'x', 'environment IMC_UNHEARD: unknown setting, ignored'],
  ])('are ignored with a warning: %s', (name, value, warning) => {
    expect(load({ env: { [name]: value } })).toEqual({ ...load({}), warnings: [warning] });
  });

  it('are nobody else’s business', () => {
    expect(load({ env: { PATH: '/bin', IMCX: '1', imc_mode: 'off', IMC_UNHEARD: '' } })).toEqual(load({}));
  });

  it('that Kubernetes sets beside a Service called imc are passed over, also where they have the name of a setting', () => {
    const link = 'tcp://10.0.0.1:443';
    const env = {
      IMC_PORT: link,
      IMC_ADMIN_PORT: link,
      IMC_SERVICE_HOST: '10.0.0.1',
      IMC_SERVICE_PORT: '443',
      IMC_SERVICE_PORT_HTTPS: '443',
      IMC_PORT_443_TCP: link,
      IMC_PORT_443_TCP_PROTO: 'tcp',
      IMC_PORT_443_TCP_PORT: '443',
      IMC_PORT_443_TCP_ADDR: '10.0.0.1',
    };
    expect(load({ env })).toEqual(load({}));
  });
});

describe('the file itself', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'imc-config-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('is read by its name', () => {
    const file = join(folder, 'imc.yaml');
    writeFileSync(file, '\uFEFFmode: observe\r\nlog:\r\n  level: loud\r\n');
    expect(problemsOf({ file })).toMatchObject([{ key: 'log.level', origin: `${file}:3:10` }]);
  });

  it.each([
    ['that is missing', 'none.yaml', 'ENOENT'],
    ['that is a folder', '.', 'EISDIR'],
  ])('%s', (_title, name, code) => {
    const file = join(folder, name);
    const problem = `the settings file cannot be read (${code}); name a file that exists and may be read`;
    const error = failure({ file });
    expect(error.problems).toEqual([{ key: '', origin: file, problem }]);
    expect(error.message).toBe(`${file}: ${problem}`);
    expect(error.cause).toMatchObject({ code });
  });
});

function load(request: Partial<ConfigRequest>): LoadedConfig {
  return loadConfig({ env: {}, flags: {}, context: { command: 'serve' }, ...request });
}

function failure(request: Partial<ConfigRequest>): ConfigError {
  try {
    load(request);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('expected a ConfigError');
}

function problemsOf(request: Partial<ConfigRequest>): ConfigError['problems'] {
  return failure(request).problems;
}

/** `log.level` and a value as `{ log: { level: value } }` */
function nest(key: string, value: unknown): unknown {
  return key.split('.').reduceRight((inner, step) => ({ [step]: inner }), value);
}
