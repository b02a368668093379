import type { CertificateSource, ServingCertificate } from '../certs/certificate-source.ts';
import type { ClusterSource } from '../cluster/cluster-source.ts';
import type { ClusterStore } from '../cluster/cluster-store.ts';
import { RESOURCES } from '../cluster/cluster-store.ts';

/** Whether this replica should get reviews, and why not (spec S2). */
export interface ReadinessReport {
  readonly isReady: boolean;
  readonly checks: readonly ReadinessCheck[];
  /** What cannot be used at present without making the replica unready. */
  readonly problems: readonly string[];
}

export interface ReadinessCheck {
  readonly name: string;
  readonly passed: boolean;
  /** Why it failed; empty when it passed. */
  readonly detail: string;
}

export interface ReadinessOptions {
  readonly store: Pick<ClusterStore, 'unsynced'>;
  readonly source: Pick<ClusterSource, 'problems'>;
  readonly certificates: Pick<CertificateSource, 'current' | 'problem'>;
  /** Milliseconds since the epoch; the clock of this machine by default. */
  readonly now?: () => number;
}

/** Answers `/readyz`: every resource listed once, a certificate in its time, listening, and not on the way out (spec S2). */
export class Readiness {
  readonly #options: ReadinessOptions;
  #isAnswering = false;
  #isDraining = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Reviews are answered from now on: whoever is sent here before would find nobody. */
  startAnswering(): void {
    this.#isAnswering = true;
  }

  /** From now on not ready, so that no new callers are sent here (spec S3). */
  startDraining(): void {
    this.#isDraining = true;
  }

  report(): ReadinessReport {
    const { store, source, certificates } = this.#options;
    const unsynced = store.unsynced();
    const checks = [
      ...RESOURCES.map((resource) =>
        check(`${resource} listed`, unsynced.includes(resource) ? 'no full listing yet' : ''),
      ),
      check('certificate valid', this.#certificateProblem()),
      check('reviews answered', this.#isAnswering ? '' : 'not yet'),
      check('not draining', this.#isDraining ? 'shutting down' : ''),
    ];
    const refused = certificates.problem();
    return {
      isReady: checks.every(({ passed }) => passed),
      checks,
      problems: [
        ...source.problems().map(({ message }) => message),
        ...(refused === undefined ? [] : [`certificate: ${refused}`]),
      ],
    };
  }

  /** A failed renewal is none, as long as the certificate in use is good. */
  #certificateProblem(): string {
    const { certificates, now = Date.now } = this.#options;
    const notAfter = currentCertificate(certificates)?.notAfter;
    if (notAfter === undefined) return 'there is none yet';
    return notAfter.getTime() > now() ? '' : `ended ${notAfter.toISOString()}`;
  }
}

/** Probes come from the first moment on. */
function currentCertificate(certificates: Pick<CertificateSource, 'current'>): ServingCertificate | undefined {
  try {
    return certificates.current();
  } catch {
    return undefined;
  }
}

function check(name: string, detail: string): ReadinessCheck {
  return { name, passed: detail === '', detail };
}
