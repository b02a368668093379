import { X509Certificate } from 'node:crypto';
import { readBundle, signerOf } from '../../src/certs/certificate-facts.ts';
import { authoritySecretName, CertificateRotation, type RotationNews } from '../../src/certs/certificate-rotation.ts';
import type { SecretContent, SecretStore, StoredSecret, WriteResult } from '../../src/certs/secret-store.ts';
import { checkServingPair } from '../../src/certs/serving-pair.ts';
import type { ServingReplica, ServingReplicas } from '../../src/certs/serving-replicas.ts';
import type { WebhookConfiguration, WebhookConfigurationWriter } from '../../src/certs/webhook-configuration-writer.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';

export const TLS_SECRET = 'imc-tls';
export const CA_SECRET = authoritySecretName(TLS_SECRET);
export const HOST = 'imc.imc-system.svc';

interface Pair {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A replica that follows the Secret, sooner or later. */
export class SimulatedReplica {
  served: Pair | undefined;
  /** What a starting replica has read and does not serve yet. */
  read: Pair | undefined;
}

interface Lifetime {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Cryptography is asked once for each question. */
class Memo<Answer> {
  readonly #answers = new Map<string, Answer>();

  get(question: string, find: () => Answer): Answer {
    const known = this.#answers.get(question);
    if (known !== undefined || this.#answers.has(question)) return known as Answer;
    const answer = find();
    this.#answers.set(question, answer);
    return answer;
  }
}

/** What a writer's connection does before each request; it may throw, or change the cluster meanwhile. */
export type Interference = () => void | Promise<void>;

/**
 * As much of a cluster as certificates are about: Secrets and a webhook configuration with resource versions, API
 * servers that hear of changes late, and replicas that do so as well. There is one true time.
 */
export class SimulatedCluster {
  nowMs = Date.parse('2026-03-01T12:00:00Z');
  monotonicMs = 0;
  readonly secrets = new Map<string, StoredSecret>();
  configuration: WebhookConfiguration | undefined;
  /** The bundles that each API server knows of. */
  readonly apiServers: string[][] = [[], []];
  readonly replicas = [new SimulatedReplica(), new SimulatedReplica(), new SimulatedReplica()];
  writes = 0;
  readonly #issuers = new Memo<Lifetime | undefined>();
  readonly #lifetimes = new Memo<Lifetime>();
  #version = 0;

  constructor() {
    this.register(['', '']);
  }

  /** Somebody applies a webhook configuration. */
  register(bundles: readonly string[]): void {
    const webhooks = bundles.map((bundlePem, i) => ({ name: `w${i}.imc`, hosts: [HOST], bundlePem }));
    this.configuration = { resourceVersion: this.#next(), webhooks };
  }

  /** Somebody writes a Secret. */
  putSecret(name: string, content: SecretContent): void {
    this.secrets.set(name, { ...content, resourceVersion: this.#next() });
  }

  /** A writer of its own, with a clock that may be wrong. */
  connect(clock: { skewMs: number } = { skewMs: 0 }, interfere: Interference = () => {}) {
    const news: RotationNews[] = [];
    const logger = new RecordingLogger();
    const rotation = new CertificateRotation({
      secrets: this.#store(interfere),
      configurations: this.#configurations(interfere),
      replicas: this.#handshakes(interfere),
      secretName: TLS_SECRET,
      configurationName: 'imc',
      logger,
      notify: (piece) => news.push(piece),
      now: () => this.nowMs + clock.skewMs,
      monotonicMs: () => this.monotonicMs,
    });
    return { rotation, news, logger };
  }

  pass(milliseconds: number): void {
    this.nowMs += milliseconds;
    this.monotonicMs += milliseconds;
  }

  /** An API server hears of the configuration as it is now. */
  inform(index: number): void {
    this.apiServers[index] = this.configuration?.webhooks.map(({ bundlePem }) => bundlePem) ?? [];
  }

  /** A replica that runs reads the Secret; what it may not serve it does not take. */
  deliver(replica: SimulatedReplica): void {
    replica.served = this.readablePair() ?? replica.served;
  }

  /** The pair in the Secret, if a replica would serve it now. */
  readablePair(): Pair | undefined {
    const { 'tls.crt': certPem = '', 'tls.key': keyPem = '' } = this.secrets.get(TLS_SECRET)?.data ?? {};
    try {
      checkServingPair({ certPem, keyPem, certName: 'tls.crt', keyName: 'tls.key' }, this.nowMs, 0);
      return { certPem, keyPem };
    } catch {
      return undefined;
    }
  }

  /** Calls that would fail now: replicas that some API server does not trust, though their certificate has not ended. */
  untrusted(): string[] {
    return this.replicas.flatMap(({ served }, r) => {
      if (served === undefined) return [];
      const { notBeforeMs, notAfterMs } = this.#lifetime(served.certPem);
      if (notAfterMs <= this.nowMs) return [];
      return this.apiServers.flatMap((bundles, a) =>
        bundles
          .filter((bundle) => notBeforeMs > this.nowMs || !this.#isTrusted(served.certPem, bundle))
          .map(() => `API server ${a} does not trust replica ${r}`),
      );
    });
  }

  /** Go, in which API servers are written, also asks whether the CA itself is in its time. */
  #isTrusted(certPem: string, bundle: string): boolean {
    const issuer = this.#issuers.get(certPem + bundle, () => {
      const { authorities } = readBundle(bundle);
      const id = signerOf(certPem, authorities);
      return authorities.find((authority) => authority.id === id);
    });
    return issuer !== undefined && issuer.notBeforeMs <= this.nowMs && this.nowMs < issuer.notAfterMs;
  }

  #lifetime(certPem: string): Lifetime {
    return this.#lifetimes.get(certPem, () => {
      const { validFromDate, validToDate } = new X509Certificate(certPem);
      return { notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime() };
    });
  }

  #store(interfere: Interference): SecretStore {
    return {
      read: async (name) => {
        await interfere();
        return this.secrets.get(name);
      },
      create: async (name, content) => {
        await interfere();
        if (this.secrets.has(name)) return 'conflict';
        this.#written(() => this.putSecret(name, content));
        await interfere();
        return 'written';
      },
      patch: async (name, resourceVersion, { labels, data }) => {
        await interfere();
        const before = this.secrets.get(name);
        if (before?.resourceVersion !== resourceVersion) return 'conflict';
        const content = { labels: { ...before.labels, ...labels }, data: { ...before.data, ...data } };
        this.#written(() => this.putSecret(name, content));
        await interfere();
        return 'written';
      },
    };
  }

  #configurations(interfere: Interference): WebhookConfigurationWriter {
    return {
      read: async () => {
        await interfere();
        return this.configuration;
      },
      writeBundle: async ({ resourceVersion, webhooks }, bundlePem): Promise<WriteResult> => {
        await interfere();
        if (this.configuration?.resourceVersion !== resourceVersion) return 'conflict';
        this.#written(() => this.register(webhooks.map(() => bundlePem)));
        await interfere();
        return 'written';
      },
    };
  }

  #handshakes(interfere: Interference): ServingReplicas {
    return {
      inspect: async (): Promise<ServingReplica[]> => {
        await interfere();
        return this.replicas.map(({ served }, r) => ({
          name: `replica-${r}`,
          isReady: served !== undefined,
          certificate: served && new X509Certificate(served.certPem).raw,
        }));
      },
    };
  }

  #written(write: () => void): void {
    this.writes++;
    write();
  }

  #next(): string {
    return String(++this.#version);
  }
}
