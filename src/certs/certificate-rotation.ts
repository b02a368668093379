import type { Logger } from '../telemetry/logger.ts';
import {
  type KnownAuthority,
  type KnownBundle,
  readAuthorityPair,
  readBundle,
  readLeaf,
  signerOf,
  writeBundle,
} from './certificate-facts.ts';
import { nextRotationStep, PROPAGATION_MS, type RotationState, type RotationStep } from './rotation-plan.ts';
import {
  CA_BUNDLE,
  type SecretContent,
  type SecretStore,
  type StoredSecret,
  TLS_CERT,
  TLS_KEY,
  type WriteResult,
} from './secret-store.ts';
import { createAuthority, issueServingCertificate } from './self-signed-authority.ts';
import type { ServingReplica, ServingReplicas } from './serving-replicas.ts';
import type { WebhookConfiguration, WebhookConfigurationWriter } from './webhook-configuration-writer.ts';

/** Secrets with this label are ours to rewrite; others are not touched unless they are empty. */
export const OWNER_LABEL = { 'imc-webhook/certificates': 'managed' } as const;

export interface CertificateRotationOptions {
  readonly secrets: SecretStore;
  readonly configurations: WebhookConfigurationWriter;
  readonly replicas: ServingReplicas;
  /** The Secret that replicas serve from; the CA and its key are kept in another one, which only we may read. */
  readonly secretName: string;
  /** The name of the webhook configuration, for messages. */
  readonly configurationName: string;
  readonly validDays?: number;
  readonly logger: Logger;
  /** Told of what a person may want to know. */
  readonly notify?: (news: RotationNews) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs?: () => number;
  readonly propagationMs?: number;
}

/** Something that happened, or that stops us. */
export interface RotationNews {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'CertificateAuthorityCreated' | 'CertificateIssued' | 'BundlePublished' | 'CertificateProblem';
  readonly message: string;
}

/** The Secret of the CA and its key, beside the one that replicas read. */
export function authoritySecretName(secretName: string): string {
  return `${secretName}-ca`;
}

/** More steps than any rotation has; what needs more is somebody writing against us. */
const MOST_STEPS = 20;

/**
 * Keeps the serving certificate, its CA and every `caBundle` as they should be (spec S1): looks, takes the one step that
 * `nextRotationStep` says, looks again. It remembers nothing but how long it has seen things, so it can be stopped
 * anywhere; two of them at once only cost conflicts.
 */
export class CertificateRotation {
  readonly #options: CertificateRotationOptions;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #monotonicMs: () => number;
  readonly #propagationMs: number;
  /** Since when every `caBundle` holds the CA, and since when the Secret offers a certificate of it. */
  readonly #trusted = new Since();
  readonly #offered = new Since();
  #problem: string | undefined;
  #expiry: Date | undefined;

  constructor(options: CertificateRotationOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'certs' });
    this.#now = options.now ?? Date.now;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#propagationMs = options.propagationMs ?? PROPAGATION_MS;
  }

  /** Why things are not as they should be, ready to print; undefined when all is well. */
  problem(): string | undefined {
    return this.#problem;
  }

  /** When the certificate in the Secret ends, as last seen. */
  expiry(): Date | undefined {
    return this.#expiry;
  }

  /**
   * Takes steps until there is nothing to do for now. Problems are logged and kept for `problem()`, since whoever serves
   * a valid certificate goes on serving it; only `mayAct` turning false ends it early.
   *
   * @param mayAct - asked before every write.
   */
  async reconcile(mayAct: () => boolean = () => true): Promise<void> {
    try {
      const problem = await this.#takeSteps(mayAct);
      if (problem === undefined && this.#problem !== undefined)
        this.#logger.info({}, 'certificates are in order again');
      if (problem !== undefined && problem !== this.#problem) this.#tell('Warning', 'CertificateProblem', problem);
      this.#problem = problem;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem) {
        this.#logger.error({ err: error }, 'certificates not looked after, what is served stays');
        this.#notify('Warning', 'CertificateProblem', problem);
      }
      this.#problem = problem;
    }
  }

  async #takeSteps(mayAct: () => boolean): Promise<string | undefined> {
    let replicas: readonly ServingReplica[] | undefined;
    for (let count = 0; count < MOST_STEPS; count++) {
      const seen = await this.#look(replicas);
      const step = nextRotationStep(seen.state, this.#propagationMs);
      if (step.kind === 'wait') return this.#waitingProblem(step.reason, seen, replicas);
      if (step.kind === 'stuck') return this.#foreignProblem(step.reason);
      if (step.kind === 'ask replicas') {
        replicas = await this.#options.replicas.inspect();
      } else if (mayAct()) {
        await this.#take(step, seen);
      } else {
        return this.#problem;
      }
    }
    return `nothing stays as it was written: something else rewrites ${this.#configuration()} or our Secrets; find it and stop it`;
  }

  async #look(replicas: readonly ServingReplica[] | undefined): Promise<Seen> {
    const { secrets, configurations, secretName } = this.#options;
    const [authoritySecret, servingSecret, configuration] = await Promise.all([
      secrets.read(authoritySecretName(secretName)),
      secrets.read(secretName),
      configurations.read(),
    ]);
    const authority =
      authoritySecret && readAuthorityPair(text(authoritySecret, TLS_CERT), text(authoritySecret, TLS_KEY));
    const bundle = readBundle(servingSecret === undefined ? '' : text(servingSecret, CA_BUNDLE));
    const registered = configuration?.webhooks.map(({ bundlePem }) => readBundle(bundlePem));
    const known = new Map<string, KnownAuthority>();
    for (const { authorities } of [...(registered ?? []), bundle])
      for (const each of authorities) known.set(each.id, each);
    if (authority !== undefined) known.set(authority.id, authority);
    const hosts = [...new Set(configuration?.webhooks.flatMap((webhook) => webhook.hosts) ?? [])];
    const leaf =
      servingSecret &&
      readLeaf(text(servingSecret, TLS_CERT), text(servingSecret, TLS_KEY), [...known.values()], hosts);
    this.#expiry = leaf && new Date(leaf.notAfterMs);

    const id = authority?.id;
    const isTrusted = registered?.every(({ authorities }) => authorities.some((each) => each.id === id)) ?? false;
    const monotonicMs = this.#monotonicMs();
    return {
      authoritySecret,
      servingSecret,
      configuration,
      hosts,
      known,
      state: {
        nowMs: this.#now(),
        authority: authoritySlot(authoritySecret, authority),
        serving: servingSlot(servingSecret, leaf, bundle),
        registered,
        trustedForMs: this.#trusted.durationMs(isTrusted ? id : undefined, monotonicMs),
        offeredForMs: this.#offered.durationMs(leaf?.issuer === id ? id : undefined, monotonicMs),
        replicas: replicas === undefined ? 'not asked' : convergence(replicas, authority),
      },
    };
  }

  async #take(step: Exclude<RotationStep, { kind: 'wait' | 'stuck' | 'ask replicas' }>, seen: Seen): Promise<void> {
    switch (step.kind) {
      case 'make authority':
        return await this.#makeAuthority(step.reason, seen);
      case 'publish':
        return await this.#publish(step.bundle, seen);
      case 'store':
        return await this.#store(step, seen);
    }
  }

  async #makeAuthority(reason: string, { authoritySecret }: Seen): Promise<void> {
    const name = authoritySecretName(this.#options.secretName);
    const { certPem, keyPem, notAfter } = await createAuthority(this.#now());
    const data = { [TLS_CERT]: certPem, [TLS_KEY]: keyPem };
    if ((await this.#write(name, authoritySecret, data)) === 'conflict') return;
    const message = `made a new CA that ends ${notAfter.toISOString()}, since ${reason}`;
    this.#tell('Normal', 'CertificateAuthorityCreated', message);
  }

  async #publish(bundle: readonly string[], { configuration, known }: Seen): Promise<void> {
    if (configuration === undefined) return;
    const result = await this.#options.configurations.writeBundle(configuration, pemOf(bundle, known));
    if (result === 'conflict') return;
    this.#tell('Normal', 'BundlePublished', `wrote ${countOf(bundle)} to the caBundle of ${this.#configuration()}`);
  }

  async #store(step: Extract<RotationStep, { kind: 'store' }>, seen: Seen): Promise<void> {
    const { secretName, validDays } = this.#options;
    const { bundle, renewal } = step;
    const caBundle = { [CA_BUNDLE]: pemOf(bundle, seen.known) };
    if (renewal === undefined) {
      // A Secret of this type has all its keys from the start.
      const missing = seen.servingSecret === undefined ? { [TLS_CERT]: '', [TLS_KEY]: '' } : {};
      await this.#write(secretName, seen.servingSecret, { ...missing, ...caBundle });
      return;
    }
    const { authoritySecret, hosts } = seen;
    const authority = seen.known.get(bundle[0] ?? '');
    if (authoritySecret === undefined || authority === undefined) return;
    const { certPem, keyPem, notAfter } = await issueServingCertificate(
      { ...authority, keyPem: text(authoritySecret, TLS_KEY), notAfter: new Date(authority.notAfterMs) },
      hosts,
      this.#now(),
      validDays,
    );
    const data = { ...caBundle, [TLS_CERT]: certPem, [TLS_KEY]: keyPem };
    if ((await this.#write(secretName, seen.servingSecret, data)) === 'conflict') return;
    const message = `issued a certificate for ${hosts.join(', ')} that ends ${notAfter.toISOString()}, since ${renewal}`;
    this.#tell('Normal', 'CertificateIssued', message);
  }

  async #write(name: string, before: StoredSecret | undefined, data: SecretContent['data']): Promise<WriteResult> {
    const content = { labels: OWNER_LABEL, data };
    return before === undefined
      ? await this.#options.secrets.create(name, content)
      : await this.#options.secrets.patch(name, before.resourceVersion, content);
  }

  #foreignProblem(reason: 'foreign authority' | 'foreign serving'): string {
    const { secretName } = this.#options;
    const name = reason === 'foreign serving' ? secretName : authoritySecretName(secretName);
    const [[key, value] = []] = Object.entries(OWNER_LABEL);
    return `Secret ${name} holds data that is not ours: it has no label ${key}=${value}; name another Secret with tls.secret, delete this one, or add the label to have it overwritten`;
  }

  #waitingProblem(
    reason: Extract<RotationStep, { kind: 'wait' }>['reason'],
    seen: Seen,
    replicas: readonly ServingReplica[] | undefined,
  ): string | undefined {
    switch (reason) {
      case 'not registered':
        return `there is no ${this.#configuration()} with webhooks in it, so API servers cannot be told our CA; install the chart, or correct tls.webhookConfiguration`;
      case 'replicas':
        return replicas === undefined ? undefined : this.#replicasProblem(replicas, seen);
      case 'settled':
      case 'trust':
        return undefined;
    }
  }

  #replicasProblem(replicas: readonly ServingReplica[], { state, known }: Seen): string {
    const kept = 'older CAs stay in the caBundle';
    if (replicas.length === 0) return `${kept}: no replica was found; check tls.podSelector and that replicas run`;
    const id = state.authority.kind === 'held' ? state.authority.authority.id : undefined;
    const behind = replicas.filter((replica) => isBehind(replica, known.get(id ?? '')));
    return `${kept}: not seen to serve the new certificate: ${behind.map(({ name }) => name).join(', ')}`;
  }

  #configuration(): string {
    return `MutatingWebhookConfiguration ${this.#options.configurationName}`;
  }

  #tell(type: RotationNews['type'], reason: RotationNews['reason'], message: string): void {
    if (type === 'Normal') this.#logger.info({ reason, details: message }, 'certificates changed');
    else this.#logger.warn({ reason, details: message }, 'certificates need attention');
    this.#notify(type, reason, message);
  }

  #notify(type: RotationNews['type'], reason: RotationNews['reason'], message: string): void {
    this.#options.notify?.({ type, reason, message });
  }
}

/** What was seen before a step, and what it was made of. */
interface Seen {
  readonly state: RotationState;
  readonly authoritySecret: StoredSecret | undefined;
  readonly servingSecret: StoredSecret | undefined;
  readonly configuration: WebhookConfiguration | undefined;
  readonly hosts: readonly string[];
  readonly known: ReadonlyMap<string, KnownAuthority>;
}

/** For how long one thing has been seen without a break. */
class Since {
  #what: string | undefined;
  #sinceMs = 0;

  durationMs(what: string | undefined, nowMs: number): number {
    if (what !== this.#what) {
      this.#what = what;
      this.#sinceMs = nowMs;
    }
    return what === undefined ? 0 : nowMs - this.#sinceMs;
  }
}

function authoritySlot(
  secret: StoredSecret | undefined,
  authority: KnownAuthority | undefined,
): RotationState['authority'] {
  if (secret === undefined || isEmpty(secret)) return { kind: 'absent' };
  if (!isOurs(secret)) return { kind: 'foreign' };
  return authority === undefined ? { kind: 'unusable' } : { kind: 'held', authority };
}

function servingSlot(
  secret: StoredSecret | undefined,
  leaf: ReturnType<typeof readLeaf>,
  bundle: KnownBundle,
): RotationState['serving'] {
  if (secret === undefined || isEmpty(secret)) return { kind: 'absent' };
  return isOurs(secret) ? { kind: 'held', leaf, bundle } : { kind: 'foreign' };
}

function isOurs({ labels }: StoredSecret): boolean {
  return Object.entries(OWNER_LABEL).every(([key, value]) => labels[key] === value);
}

/** Such as a chart may make, for us to fill. */
function isEmpty({ data }: StoredSecret): boolean {
  return Object.values(data).every((value) => value === '');
}

/** Replicas that are not ready and cannot be reached are no concern: nobody calls them, and they read the Secret anew. */
function isBehind({ isReady, certificate }: ServingReplica, authority: KnownAuthority | undefined): boolean {
  if (certificate === undefined) return isReady;
  return authority === undefined || signerOf(certificate, [authority]) === undefined;
}

function convergence(
  replicas: readonly ServingReplica[],
  authority: KnownAuthority | undefined,
): RotationState['replicas'] {
  return replicas.length > 0 && !replicas.some((replica) => isBehind(replica, authority)) ? 'converged' : 'behind';
}

function text(secret: StoredSecret, key: string): string {
  return secret.data[key] ?? '';
}

function pemOf(bundle: readonly string[], known: ReadonlyMap<string, KnownAuthority>): string {
  return writeBundle(bundle.flatMap((id) => known.get(id) ?? []));
}

function countOf({ length }: readonly string[]): string {
  return length === 1 ? 'one CA' : `${length} CAs`;
}
