import { readFile } from 'node:fs/promises';
import type { DependencyContainer } from 'tsyringe';
import { encodeAdmissionReview } from '../admission/admission-response.ts';
import { type CertificateCheck, checkCertificate } from '../certs/certificate-checks.ts';
import { describeCertificates, type PlacedCertificate } from '../certs/certificate-description.ts';
import { CertificateError } from '../certs/certificate-error.ts';
import { readCertificates, readPrivateKey } from '../certs/certificate-file.ts';
import { createAuthority, issueServingCertificate } from '../certs/self-signed-authority.ts';
import { fetchServerCertificates } from '../certs/server-certificates.ts';
import type { ClusterStore } from '../cluster/cluster-store.ts';
import type { HotSettings } from '../config/config.ts';
import { ConfigWatcher } from '../config/config-watcher.ts';
import { decide } from '../core/decision.ts';
import { explain } from '../core/explanation.ts';
import { type Examination, examine } from '../doctor/doctor.ts';
import { EmbeddedSource } from '../embedded/embedded-source.ts';
import { examinedCluster } from '../kubernetes/examined-cluster.ts';
import { fillFromCluster } from '../kubernetes/fill-from-cluster.ts';
import { KubeClient } from '../kubernetes/kube-client.ts';
import { isServiceAccount } from '../kubernetes/kubeconfig.ts';
import { listLivingPods } from '../kubernetes/list-living-pods.ts';
import { dryRunPod } from '../kubernetes/pod-dry-run.ts';
import type { RootLogger } from '../telemetry/logger.ts';
import { createLogger, silentLogger } from '../telemetry/logger.ts';
import { decodeAdmissionReview } from '../wire/admission-review.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import type { Addresses } from './application.ts';
import { Application } from './application.ts';
import type {
  CertificatesRequest,
  Commands,
  DoctorRequest,
  OfflineEngine,
  OfflineRequest,
  RunningProgram,
  ServeRequest,
  VerifyCertificateRequest,
} from './commands.ts';
import { createContainer, VERSION } from './container.ts';
import { ControllerApplication } from './controller-application.ts';
import { CurrentSettings } from './current-settings.ts';
import { fillStore } from './fill-store.ts';
import { bindValue } from './token.ts';
import { INPUTS, TOKENS } from './tokens.ts';
import { untilStopped } from './until-stopped.ts';

/** Everything the command line can ask for. Parts are made only when a command needs them. */
export function createCommands(): Commands {
  return {
    openOffline,
    openDryRun: async (request) => {
      const client = await KubeClient.open(request);
      return {
        create: (pod, namespace) => dryRunPod(client, pod, namespace),
        close: () => client.close(),
      };
    },
    examine: examineInstallation,
    livingPods: async ({ copied, ...cluster }, progress) => {
      const client = await KubeClient.open(cluster);
      try {
        return await listLivingPods(client, copied, progress);
      } finally {
        await client.close();
      }
    },
    serve,
    control,
    generateCertificates: async (hosts, validDays) => {
      const nowMs = Date.now();
      const authority = await createAuthority(nowMs);
      const { certPem, keyPem } = await issueServingCertificate(authority, hosts, nowMs, validDays);
      return { ca: authority.certPem, certificate: certPem, key: keyPem };
    },
    describeCertificates: describeThem,
    verifyCertificate,
    version: { version: VERSION, node: process.versions.node, platform: `${process.platform}/${process.arch}` },
  };
}

async function examineInstallation(
  { cluster, timeoutMs, ...request }: DoctorRequest,
  progress: (what: string) => void,
): Promise<Examination> {
  const client = await KubeClient.open(cluster);
  try {
    const examined = examinedCluster(client, { isInside: isServiceAccount(cluster), timeoutMs });
    const clocks = { nowMs: Date.now(), elapsedMs: () => performance.now() };
    return await examine(examined, { ...request, ...clocks, version: VERSION }, progress);
  } finally {
    await client.close();
  }
}

async function describeThem({ files, keys, servers }: CertificatesRequest): Promise<PlacedCertificate[]> {
  return describeCertificates(
    [
      ...files.map(({ name, content }) => ({ source: name, certificates: readCertificates(content, name) })),
      ...(await Promise.all(
        servers.map(async (server) => ({
          source: server.server,
          certificates: await fetchServerCertificates(server, server.host),
        })),
      )),
    ],
    keys.map(({ name, content }) => ({ source: name, key: readPrivateKey(content, name) })),
  );
}

async function verifyCertificate(request: VerifyCertificateRequest): Promise<CertificateCheck[]> {
  const { certificate, key, authorities, hosts, minDays } = request;
  const isServed = 'server' in certificate;
  return checkCertificate({
    chain: isServed
      ? await fetchServerCertificates(certificate, hosts[0] ?? certificate.host)
      : readCertificates(certificate.content, certificate.name),
    key: key && readPrivateKey(key.content, key.name),
    isServed,
    authorities: authorities && readCertificates(authorities.content, authorities.name),
    hosts,
    minDays,
    nowMs: Date.now(),
  });
}

async function openOffline(request: OfflineRequest): Promise<OfflineEngine> {
  const { settings, nowMs } = request;
  const container = createContainer();
  const store = container.resolve(TOKENS.store.name);
  const warnings = await fillOnce(store, request);
  bindValue(container, INPUTS.decisionSettings, () => settings);
  bindValue(container, INPUTS.clock, () => nowMs);
  bindValue(container, INPUTS.ownNamespace, { name: undefined });
  bindValue(container, INPUTS.namespacesMayLag, { value: false });
  const reviewer = container.resolve(TOKENS.reviewer.name);
  const cluster = store.view(nowMs);
  if (cluster === undefined) throw new Error(`not listed: ${store.unsynced().join(', ')}`);
  const context = { cluster, settings, nowMs, ownNamespace: undefined };
  return {
    cluster,
    imageCacheCount: store.counts().imagecaches,
    warnings,
    answer: (review) => {
      const verdict = reviewer.review(decodeAdmissionReview(review));
      return { body: encodeAdmissionReview(verdict), reason: verdict.reason };
    },
    decide: (review) => {
      const { subject, namespace } = decodeAdmissionReview(review);
      return subject.kind === 'none' ? undefined : decide(subject.pod, namespace, context);
    },
    explain: (review) => {
      const { subject, namespace } = decodeAdmissionReview(review);
      return subject.kind === 'none' ? undefined : explain(subject.pod, namespace, context);
    },
  };
}

/**
 * Fills a store with what the request names. Files are expected to be right; of a cluster the rest is used, as the server
 * does.
 *
 * @returns what could not be used.
 */
async function fillOnce(store: ClusterStore, { dir, cluster, objects = [], nowMs }: OfflineRequest): Promise<string[]> {
  if (cluster !== undefined) {
    const client = await KubeClient.open(cluster);
    try {
      return await fillFromCluster(client, store, nowMs);
    } finally {
      await client.close();
    }
  }
  const problems = dir === undefined ? fillStore(store, objects, nowMs) : await fillFromDirectory(store, dir, nowMs);
  if (problems.length > 0) throw new ManifestError(problems.join('\n'));
  return [];
}

/** Reads a folder once, as the server reads it; here everything that cannot be used is an error. */
async function fillFromDirectory(store: ClusterStore, directory: string, nowMs: number): Promise<readonly string[]> {
  const source = new EmbeddedSource({ directory, store, logger: silentLogger(), now: () => nowMs });
  try {
    await source.start();
    return source.problems().map(({ message }) => message);
  } finally {
    await source.stop();
  }
}

async function serve({ request, loaded }: ServeRequest): Promise<RunningProgram> {
  const { config } = loaded;
  const logger = createLogger(config.logLevel);
  let hot = config;
  const container = createContainer();
  bindValue(container, INPUTS.decisionSettings, () => hot.decision);
  bindValue(container, INPUTS.hotSettings, () => hot);
  bindValue(container, INPUTS.serveSettings, config.serve);
  bindValue(container, INPUTS.clock, () => Date.now());
  bindValue(container, INPUTS.environment, request.env);
  bindValue(container, INPUTS.namespacesMayLag, { value: config.serve.source.kind === 'kubernetes' });
  bindValue(container, INPUTS.ownNamespace, { name: request.env['POD_NAMESPACE'] || undefined });
  bindValue(container, INPUTS.logger, logger);
  const { clientCa } = config.serve;
  bindValue(container, INPUTS.clientCa, {
    pem: clientCa === undefined ? undefined : await readClientCa(clientCa),
  });

  const application = new Application(container);
  // Signals count from here on: the start may wait for a certificate.
  const stopped = untilStopped(
    {
      stop: () => application.stop(hot.drainSeconds),
      details: () => ({ drainSeconds: hot.drainSeconds }),
    },
    logger,
  );
  let watcher: ConfigWatcher | undefined;
  try {
    const { admission, operations } = urls(await application.start());
    watcher = watchSettings(request, loaded, logger, (settings) => {
      hot = { ...hot, ...settings };
    });
    logger.info({ version: VERSION, admission, operations, ...counts(container) }, 'ready');
  } catch (error) {
    if (!application.isStopping()) throw error;
  }
  return { stopped: ended(stopped, watcher, logger) };
}

async function control({ request, loaded }: ServeRequest): Promise<RunningProgram> {
  const { config } = loaded;
  const logger = createLogger(config.logLevel);
  const hot = new CurrentSettings(config);
  const application = new ControllerApplication({ settings: config.controller, hot, env: request.env, logger });
  const stopped = untilStopped({ stop: () => application.stop(), details: () => ({}) }, logger);
  await application.start();
  return {
    stopped: ended(
      stopped,
      watchSettings(request, loaded, logger, (settings) => hot.change(settings)),
      logger,
    ),
  };
}

async function ended(stopped: Promise<0 | 1>, watcher: ConfigWatcher | undefined, logger: RootLogger): Promise<0 | 1> {
  const code = await stopped;
  watcher?.stop();
  await logger.flush();
  return code;
}

async function readClientCa(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new CertificateError(`${file}: the CA for callers cannot be read; check the path of --client-ca`, { cause });
  }
}

function watchSettings(
  request: ServeRequest['request'],
  loaded: ServeRequest['loaded'],
  logger: RootLogger,
  changed: (settings: HotSettings) => void,
): ConfigWatcher | undefined {
  const { file } = request;
  if (file === undefined) return undefined;
  const watcher = new ConfigWatcher({ ...request, file }, loaded, {
    changed: (settings) => {
      changed(settings);
      logger.setLevel(settings.logLevel);
      logger.info({ file, ...settings.decision }, 'settings changed');
    },
    invalid: (err) => logger.error({ file, problems: err.problems }, 'settings file not taken, the old settings stay'),
    needsRestart: (keys) => logger.warn({ file, keys }, 'changed settings count after a restart'),
  });
  watcher.start();
  return watcher;
}

function urls({ admission, operations }: Addresses): { admission: string; operations: string } {
  return {
    admission: `https://${hostAndPort(admission.host, admission.port)}/mutate`,
    operations: `http://${hostAndPort(operations.host, operations.port)}`,
  };
}

function hostAndPort(host: string, port: number): string {
  const name = host === '::' || host === '0.0.0.0' ? 'localhost' : host;
  return `${name.includes(':') ? `[${name}]` : name}:${port}`;
}

function counts(container: DependencyContainer): object {
  const { imagecaches, namespaces, 'eci-profile': rules } = container.resolve(TOKENS.store.name).counts();
  return { imageCaches: imagecaches, namespaces, profileRules: rules };
}
