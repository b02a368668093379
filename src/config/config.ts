import { readFileSync } from 'node:fs';
import { type AutoCreateSettings, DEFAULT_SETTINGS, type DecisionSettings } from '../core/settings.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import {
  SETTING_KEYS,
  SETTINGS,
  SETTINGS_SCHEMA,
  type SettingKey,
  type SettingsCommand,
  type SettingValues,
} from './definitions.ts';
import { environmentOf, flagOf, optionOf } from './setting-names.ts';
import { type Environment, readSettingsEnvironment } from './settings-environment.ts';
import { type GivenSetting, parseSettingsFile } from './settings-file.ts';
import { closest } from './suggestion.ts';

/** Settings that can change while the program runs. */
export interface HotSettings {
  readonly decision: DecisionSettings;
  /** spec section 7 */
  readonly autoCreate: AutoCreateSettings;
  readonly simulateBuildMs: number;
  /** spec S3 */
  readonly drainSeconds: number;
  readonly logLevel: SettingValues['log.level'];
}

/** Settings `imc serve` starts with. */
export interface ServeSettings {
  readonly source: SourceSettings;
  /** Address of the HTTPS listener. `::` asks for every address: where IPv6 is missing, listen on `0.0.0.0` instead. */
  readonly host: string;
  /** 0 asks for any free port; so it does for `adminPort`. */
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly certificate: CertificateSettings;
  /** File of the CA that callers' certificates must come from. */
  readonly clientCa: string | undefined;
}

/** Where the cluster is read from (spec section 8). */
export type SourceSettings =
  | { readonly kind: 'files'; readonly dir: string }
  | ({
      readonly kind: 'kubernetes';
      /** Where the last good eci-profile is kept (spec P6). */
      readonly profileConfigMap: string;
    } & ClusterSettings);

/** Where the serving certificate comes from (spec S1). */
export type CertificateSettings =
  | { readonly kind: 'self-signed'; readonly caOut: string | undefined }
  | { readonly kind: 'files'; readonly cert: string; readonly key: string }
  | { readonly kind: 'folder'; readonly dir: string }
  | { readonly kind: 'secret'; readonly name: string; readonly cluster: ClusterSettings };

/** Settings `imc controller` starts with. */
export interface ControllerSettings {
  readonly cluster: ClusterSettings;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly lease: string;
  /** Where the last good eci-profile is kept (spec P6). */
  readonly profileConfigMap: string;
  /** Where failed attempts and the books of the simulated builder are kept. */
  readonly stateConfigMap: string;
  /** Absent where the certificate is not ours to keep. */
  readonly certificates: ManagedCertificateSettings | undefined;
}

/** A certificate that the controller keeps (spec S1). */
export interface ManagedCertificateSettings {
  readonly secret: string;
  readonly webhookConfiguration: string;
  readonly podSelector: string;
  /** Where replicas serve. */
  readonly port: number;
}

/** Which cluster to talk to: a kubeconfig file, one of its contexts, or both. */
export interface ClusterSettings {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

/** All settings, frozen. */
export interface Config extends HotSettings {
  readonly serve: ServeSettings;
  readonly controller: ControllerSettings;
  /** The cluster that was asked for by kubeconfig or context, if any. */
  readonly cluster: ClusterSettings | undefined;
}

/** Where settings come from; what is further down wins. */
export interface ConfigRequest {
  /** The settings file as the user named it. */
  readonly file?: string | undefined;
  /** What the file says, if it has been read already. */
  readonly fileText?: string | undefined;
  /** Usually `process.env`. */
  readonly env: Environment;
  /** Options as the command-line parser names them (`logLevel` for `--log-level`); those that are no settings are ignored. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly context: { readonly command: SettingsCommand };
}

/** Settings that can be used. */
export interface LoadedConfig {
  readonly config: Config;
  /** Every setting by its key, with the defaults; for comparing and showing. */
  readonly values: SettingValues;
  /** What deserves a line in the log but stops nothing. */
  readonly warnings: readonly string[];
}

/**
 * Reads all settings (spec 8): flags win over the environment, that over the file, and that over the defaults.
 *
 * @throws ConfigError with everything that is wrong, also when the file cannot be read.
 */
export function loadConfig(request: ConfigRequest): LoadedConfig {
  const file = readFile(request);
  const environment = readSettingsEnvironment(request.env);
  const given = new Map<string, GivenSetting>();
  for (const setting of [...file.given, ...environment.given, ...readFlags(request)]) {
    // Deleting first keeps the order of the map that of the sources, which is the order of the problems.
    given.delete(setting.key);
    given.set(setting.key, setting);
  }

  const raw = new Map<string, unknown>();
  for (const key of SETTING_KEYS) if (SETTINGS[key].default !== undefined) raw.set(key, SETTINGS[key].default);
  for (const { key, value } of given.values()) raw.set(key, value);
  const parsed = SETTINGS_SCHEMA.safeParse(Object.fromEntries(raw));

  const problems = [...file.problems, ...inOrder(given, [...schemaProblems(parsed.error, given), ...misfits(given)])];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const values = Object.freeze(parsed.data);
  const source = sourceKind(values, given, request);
  const warnings = [...environment.warnings, ...idle(given), ...idleForSource(given, source, request)];
  return { config: freezeConfig(values, source), values, warnings };
}

/** The error for a settings file that is not there or may not be read. */
export function unreadableFile(file: string, cause: unknown): ConfigError {
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  const problem = `the settings file cannot be read${code}; name a file that exists and may be read`;
  return new ConfigError([{ key: '', origin: file, problem }], { cause });
}

function readFile({ file, fileText }: ConfigRequest): ReturnType<typeof parseSettingsFile> {
  if (fileText !== undefined) return parseSettingsFile(fileText, file ?? '<settings>');
  if (file === undefined) return { given: [], problems: [] };
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadableFile(file, error);
  }
  return parseSettingsFile(text, file);
}

function readFlags({ flags, context }: ConfigRequest): GivenSetting[] {
  return SETTING_KEYS.filter((key) => SETTINGS[key].commands.includes(context.command))
    .map((key) => ({ key, value: flags[optionOf(key)], origin: `flag ${flagOf(key)}` }))
    .filter(({ value }) => value !== undefined);
}

type Given = ReadonlyMap<string, GivenSetting>;

function inOrder(given: Given, problems: readonly ConfigProblem[]): ConfigProblem[] {
  const order = [...given.keys()];
  return problems.toSorted((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
}

function schemaProblems(error: ReturnType<typeof SETTINGS_SCHEMA.safeParse>['error'], given: Given): ConfigProblem[] {
  return (error?.issues ?? []).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => problem(given, key, unknownKey(key)));
    return [problem(given, String(issue.path[0]), issue.message)];
  });
}

function problem(given: Given, key: string, text: string): ConfigProblem {
  return { key, origin: given.get(key)?.origin ?? 'default', problem: text };
}

function unknownKey(key: string): string {
  const groups = SETTING_KEYS.filter((known) => known.includes('.')).map((known) => known.replace(/\..*/, ''));
  const meant = closest(key, [...SETTING_KEYS, ...(key.includes('.') ? [] : groups)]);
  return meant === undefined ? 'unknown setting; remove it' : `unknown setting; did you mean ${meant}?`;
}

/** Settings that do not go together. */
function misfits(given: Given): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [key, other] of [
    ['tls.cert', 'tls.key'],
    ['tls.key', 'tls.cert'],
  ] as const) {
    if (given.has(key) && !given.has(other)) {
      const ways = `${flagOf(other)}, ${environmentOf(other)} or ${other} in the file`;
      problems.push(problem(given, key, `needs ${other} as well; give ${ways}`));
    }
  }
  const beside = given.get('tls.cert') ?? given.get('tls.key');
  if (given.has('certDir') && beside !== undefined) {
    const where = `${beside.key} (${beside.origin})`;
    problems.push(problem(given, 'certDir', `cannot be combined with ${where}; remove one of them`));
  }
  const files = beside ?? given.get('certDir');
  if (given.has('tls.secret') && files !== undefined) {
    const where = `${files.key} (${files.origin})`;
    problems.push(problem(given, 'tls.secret', `cannot be combined with ${where}; remove one of them`));
  }
  if (portsClash(given)) {
    const key = given.has('adminPort') ? 'adminPort' : 'port';
    problems.push(problem(given, key, 'port and adminPort are the same; choose another for one of them'));
  }
  return problems;
}

function portsClash(given: Given): boolean {
  const value = (key: SettingKey) => given.get(key)?.value ?? SETTINGS[key].default;
  const port = Number(value('port'));
  if (port === 0 || port !== Number(value('adminPort'))) return false;
  const hosts = [value('host'), value('adminHost')];
  return hosts[0] === hosts[1] || hosts.includes('::') || hosts.includes('0.0.0.0');
}

/** Settings that have no effect beside others. */
function idle(given: Given): string[] {
  const caOut = given.get('caOut');
  const certificate = given.get('certDir') ?? given.get('tls.cert') ?? given.get('tls.secret');
  if (caOut === undefined || certificate === undefined) return [];
  return [`${caOut.origin}: caOut: no effect with ${certificate.key}, since the program then makes no certificate`];
}

/** Where the cluster is read from; files are meant wherever a folder is all that was named. */
function sourceKind(
  values: SettingValues,
  given: Given,
  { env, flags, context }: ConfigRequest,
): SourceSettings['kind'] {
  if (context.command === 'controller') return 'kubernetes';
  if (values.source !== undefined) return values.source;
  const isNamed = values.kubeconfig !== undefined || values.context !== undefined;
  // Other commands have a --dir of their own, and read a cluster only if it is named.
  if (context.command !== 'serve') return isNamed && flags['dir'] === undefined ? 'kubernetes' : 'files';
  const isInCluster = Boolean(env['KUBERNETES_SERVICE_HOST']);
  return isNamed || (isInCluster && !given.has('dir')) ? 'kubernetes' : 'files';
}

/** Settings that have no effect with where the cluster is read from. */
function idleForSource(given: Given, source: SourceSettings['kind'], { context }: ConfigRequest): string[] {
  if (context.command !== 'serve') return [];
  // A Secret is read from a cluster all the same.
  const access = given.has('tls.secret') ? [] : ['kubeconfig', 'context'];
  const keys = source === 'files' ? [...access, 'profileConfigMap'] : ['dir'];
  return keys.flatMap((key) => {
    const setting = given.get(key);
    return setting === undefined ? [] : [`${setting.origin}: ${key}: no effect with the source ${source}`];
  });
}

function freezeConfig(values: SettingValues, source: SourceSettings['kind']): Config {
  const { kubeconfig, context } = values;
  const cluster =
    kubeconfig === undefined && context === undefined ? undefined : Object.freeze({ kubeconfig, context });
  const decision = Object.freeze<DecisionSettings>({
    mode: values.mode,
    podScope: values.podScope,
    partialMatch: values.partialMatch,
    unreadyPin: values.unreadyPin,
    registryAliases: values.registryAliases,
    expiryMarginMs: values.expiryMargin,
    warnings: values.warnings,
    controllerDriver:
      values['controller.driver'] ?? (source === 'files' ? DEFAULT_SETTINGS.controllerDriver : 'external'),
    mutableTags: values['autoCreate.mutableTags'],
  });
  const autoCreate = Object.freeze<AutoCreateSettings>({
    enabled: values['autoCreate.enabled'],
    allow: values['autoCreate.allow'] ?? [],
    deny: values['autoCreate.deny'] ?? [],
    mutableTags: values['autoCreate.mutableTags'],
    maxCaches: values['autoCreate.maxCaches'],
    perMinute: values['autoCreate.perMinute'],
    buildDeadlineMs: values['autoCreate.buildDeadline'],
    retentionDays: values['autoCreate.retentionDays'],
    share: values['autoCreate.share'],
    copyAnnotations: values['autoCreate.copyAnnotations'],
  });
  const serve = Object.freeze<ServeSettings>({
    source: Object.freeze<SourceSettings>(
      source === 'files'
        ? { kind: source, dir: values.dir }
        : { kind: source, kubeconfig, context, profileConfigMap: values.profileConfigMap },
    ),
    host: values.host,
    port: values.port,
    adminHost: values.adminHost,
    adminPort: values.adminPort,
    certificate: Object.freeze(certificateSettings(values)),
    clientCa: values.clientCa,
  });
  const { port, adminHost, adminPort } = values;
  const controller = Object.freeze<ControllerSettings>({
    cluster: Object.freeze({ kubeconfig, context }),
    adminHost,
    adminPort,
    lease: values['controller.lease'],
    profileConfigMap: values.profileConfigMap,
    stateConfigMap: values['controller.stateConfigMap'],
    certificates: managedCertificates(values, port),
  });
  return Object.freeze({
    decision,
    autoCreate,
    serve,
    controller,
    cluster,
    simulateBuildMs: values.simulateBuild,
    drainSeconds: values.drainSeconds,
    logLevel: values['log.level'],
  });
}

function certificateSettings(values: SettingValues): CertificateSettings {
  const { certDir, caOut, 'tls.secret': secret, 'tls.cert': cert, 'tls.key': key } = values;
  if (secret !== undefined)
    return { kind: 'secret', name: secret, cluster: { kubeconfig: values.kubeconfig, context: values.context } };
  if (certDir !== undefined) return { kind: 'folder', dir: certDir };
  if (cert !== undefined && key !== undefined) return { kind: 'files', cert, key };
  return { kind: 'self-signed', caOut };
}

function managedCertificates(values: SettingValues, port: number): ManagedCertificateSettings | undefined {
  const secret = values['tls.secret'];
  if (secret === undefined) return undefined;
  const { 'tls.webhookConfiguration': webhookConfiguration, 'tls.podSelector': podSelector } = values;
  return Object.freeze({ secret, webhookConfiguration, podSelector, port });
}
