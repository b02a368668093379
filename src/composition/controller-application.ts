import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { authoritySecretName, CertificateRotation, type RotationNews } from '../certs/certificate-rotation.ts';
import type { ControllerSettings, ManagedCertificateSettings } from '../config/config.ts';
import { CREATION_RESULTS, type CreationResult } from '../controller/auto-creator.ts';
import { systemClock } from '../controller/clock.ts';
import { LeaderElection, RENEW_DEADLINE_MS } from '../controller/leader-election.ts';
import { type LeaderTask, runLeaderTasks } from '../controller/leader-tasks.ts';
import { reconcileTask } from '../controller/reconcile-task.ts';
import { KubeClient } from '../kubernetes/kube-client.ts';
import { LastGoodProfileKeeper } from '../kubernetes/last-good-profile.ts';
import { LeaseClient } from '../kubernetes/lease-client.ts';
import { writeNewsEvent } from '../kubernetes/news-event.ts';
import { followObject } from '../kubernetes/object-watch.ts';
import { SecretClient, secretAddress } from '../kubernetes/secret-client.ts';
import { ServingReplicaClient } from '../kubernetes/serving-replica-client.ts';
import { WEBHOOK_CONFIGURATIONS, WebhookConfigurationClient } from '../kubernetes/webhook-configuration-client.ts';
import { OperationsServer } from '../server/operations-server.ts';
import type { ReadinessReport } from '../server/readiness.ts';
import { ControllerMetrics } from '../telemetry/controller-metrics.ts';
import type { RootLogger } from '../telemetry/logger.ts';
import { VERSION } from './container.ts';
import type { CurrentSettings } from './current-settings.ts';
import { imageCacheTask } from './image-cache-task.ts';

export interface ControllerOptions {
  readonly settings: ControllerSettings;
  /** Those that may change while it runs. */
  readonly hot: CurrentSettings;
  /** Usually `process.env`: `POD_NAMESPACE`, `POD_NAME` and where a kubeconfig may be named. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: RootLogger;
}

const NO_ECI_DRIVER =
  'controller.driver: this release has no driver eci, so no ImageCache is made or built; use external, and let the virtual nodes of ECI build them';

/** How often the leader looks at certificates without any news. */
const LOOK_INTERVAL_MS = 30_000;

/** Without a word from the API server for so long a controller is of no use. */
const CONTACT_LIMIT_MS = 3 * RENEW_DEADLINE_MS;

/** The controller as a whole: an election, the tasks of its winner, and pages for health and metrics. */
export class ControllerApplication {
  readonly #options: ControllerOptions;
  #client: KubeClient | undefined;
  #election: LeaderElection | undefined;
  #rotation: CertificateRotation | undefined;
  #operations: OperationsServer | undefined;
  #driverTold: string | undefined;
  #isStopping = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  /**
   * Begins to take part; resolves when health can be asked.
   *
   * @throws KubeconfigError, ListenError.
   */
  async start(): Promise<{ readonly host: string; readonly port: number }> {
    const { settings, hot, env, logger } = this.#options;
    const client = await KubeClient.open({ ...settings.cluster, env });
    this.#client = client;
    const namespace = env['POD_NAMESPACE'] || client.namespace;
    const metrics = new ControllerMetrics(VERSION, CREATION_RESULTS, {
      isLeader: () => this.#election?.isLeader() === true,
      certificateExpiry: () => this.#leadingRotation()?.expiry(),
      certificatesInOrder: () => {
        const rotation = this.#leadingRotation();
        return rotation && rotation.problem() === undefined;
      },
    });
    const tasks = this.#tasks(client, namespace, metrics);
    const clock = systemClock;
    const election = new LeaderElection({
      lock: new LeaseClient(client, { namespace, name: settings.lease }),
      identity: `${env['POD_NAME'] || hostname()}_${randomUUID()}`,
      lead: (leadership) => runLeaderTasks(tasks, leadership, { clock, logger }),
      clock,
      logger,
    });
    this.#election = election;
    const operations = new OperationsServer({
      readiness: { report: () => this.#report() },
      metrics,
      logger,
    });
    this.#operations = operations;
    try {
      await operations.start({ host: settings.adminHost, port: settings.adminPort });
    } catch (error) {
      await client.close();
      throw error;
    }
    election.start();
    this.#tellDriver();
    hot.onChange(() => this.#tellDriver());
    logger.info(
      { version: VERSION, namespace, lease: settings.lease, tasks: tasks.map(({ name }) => name) },
      'started',
    );
    return operations.address();
  }

  /** Ends the work, gives the Lease back, and stops everything. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#election?.stop();
    await this.#operations?.close();
    await this.#client?.close();
  }

  #tasks(client: KubeClient, namespace: string, metrics: ControllerMetrics<CreationResult>): LeaderTask[] {
    const { settings, hot, logger } = this.#options;
    const { certificates, profileConfigMap, stateConfigMap } = settings;
    const kept = { namespace, name: profileConfigMap };
    return [
      new LastGoodProfileKeeper({ client, kept, logger }),
      imageCacheTask({
        client,
        state: { namespace, name: stateConfigMap },
        settings: hot,
        logger,
        count: (result) => metrics.countCreation(result),
      }),
      ...(certificates === undefined ? [] : [this.#certificateTask(client, namespace, certificates)]),
    ];
  }

  #certificateTask(client: KubeClient, namespace: string, settings: ManagedCertificateSettings): LeaderTask {
    const { logger } = this.#options;
    const { secret, webhookConfiguration, podSelector, port } = settings;
    const rotation = new CertificateRotation({
      secrets: new SecretClient(client, namespace),
      configurations: new WebhookConfigurationClient(client, webhookConfiguration),
      replicas: new ServingReplicaClient({ client, namespace, labelSelector: podSelector, port }),
      secretName: secret,
      configurationName: webhookConfiguration,
      logger,
      notify: (news) => this.#writeEvent(client, { namespace, name: secret }, news),
    });
    this.#rotation = rotation;
    return reconcileTask({
      name: 'certificates',
      reconcile: (mayAct) => rotation.reconcile(mayAct),
      follow: (changed) => {
        const watched = [
          { ...WEBHOOK_CONFIGURATIONS, name: webhookConfiguration },
          secretAddress(namespace, secret),
          secretAddress(namespace, authoritySecretName(secret)),
        ];
        const ends = watched.map((address) => followObject({ client, address, listener: changed, logger }));
        return async () => {
          await Promise.all(ends.map((end) => end()));
        };
      },
      intervalMs: LOOK_INTERVAL_MS,
      clock: systemClock,
    });
  }

  /** What was seen by a leader of former times says nothing of today. */
  #leadingRotation(): CertificateRotation | undefined {
    return this.#election?.isLeader() === true ? this.#rotation : undefined;
  }

  /** An Event that cannot be written holds nothing up: the log has said the same. */
  #writeEvent(
    client: KubeClient,
    secret: { readonly namespace: string; readonly name: string },
    news: RotationNews,
  ): void {
    writeNewsEvent(client, secret, news, new Date()).catch((err: unknown) =>
      this.#options.logger.debug({ err }, 'an Event was not written'),
    );
  }

  /** Those who do not lead are ready as well: they could take over at any moment. */
  #report(): ReadinessReport {
    const election = this.#election;
    const contactAgeMs = election?.contactAgeMs();
    const isInTouch = contactAgeMs !== undefined && contactAgeMs < CONTACT_LIMIT_MS;
    const lease = isInTouch ? '' : (election?.problem() ?? 'not read yet');
    const draining = this.#isStopping ? 'shutting down' : '';
    const certificates = this.#leadingRotation()?.problem();
    const driver = this.#driverProblem();
    return {
      isReady: isInTouch && !this.#isStopping,
      checks: [
        { name: 'lease read', passed: lease === '', detail: lease },
        { name: 'not draining', passed: draining === '', detail: draining },
      ],
      problems: [
        ...(certificates === undefined ? [] : [`certificates: ${certificates}`]),
        ...(driver === undefined ? [] : [driver]),
      ],
    };
  }

  /** Once, until another driver is chosen. */
  #tellDriver(): void {
    const problem = this.#driverProblem();
    if (problem !== undefined && problem !== this.#driverTold) this.#options.logger.error({}, problem);
    this.#driverTold = problem;
  }

  #driverProblem(): string | undefined {
    return this.#options.hot.now().decision.controllerDriver === 'eci' ? NO_ECI_DRIVER : undefined;
  }
}
