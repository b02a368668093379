import { Counter, collectDefaultMetrics, Gauge, Registry } from '@prometheus-io/client';
import { EVENT_LOOP_SAMPLE_MS } from './metrics.ts';

/** What is read at the moment of a scrape. `undefined` means not known: there is no sample then. */
export interface ControllerReadings {
  isLeader(): boolean;
  /** When the certificate that is kept in the Secret ends. */
  certificateExpiry(): Date | undefined;
  /** Whether certificate, CA and bundles are as they should be; only the leader knows. */
  certificatesInOrder(): boolean | undefined;
}

/** The metrics of `imc controller`. */
export class ControllerMetrics<Creation extends string> {
  readonly #registry = new Registry();
  readonly #creations: Counter;

  /**
   * @param version - of this program.
   * @param creations - all that can come of automatic creation.
   */
  constructor(version: string, creations: readonly Creation[], readings: ControllerReadings) {
    const registry = this.#registry;
    const registers: [] = [];
    this.#creations = new Counter({
      name: 'imc_autocreate_total',
      help: 'ImageCaches made, cared for or refused by automatic creation, by result.',
      labelNames: ['result'],
      registers,
    });
    for (const creation of creations) this.#creations.labels(creation).inc(0);
    registry.registerMetric(this.#creations);
    registry.registerMetric(
      new Gauge({
        name: 'imc_leader',
        help: 'Whether this controller is the one that works: 1, or 0 while another is.',
        registers,
        collect() {
          this.set(readings.isLeader() ? 1 : 0);
        },
      }),
    );
    registry.registerMetric(
      new Gauge({
        name: 'imc_certificate_expiry_timestamp_seconds',
        help: 'When the certificate in the Secret ends, in seconds since the epoch.',
        registers,
        collect() {
          const expiry = readings.certificateExpiry();
          if (expiry === undefined) this.remove();
          else this.set(expiry.getTime() / 1000);
        },
      }),
    );
    registry.registerMetric(
      new Gauge({
        name: 'imc_certificates_in_order',
        help: 'Whether certificate, CA and caBundle are as they should be: 1, or 0 while something is in the way.',
        registers,
        collect() {
          const inOrder = readings.certificatesInOrder();
          if (inOrder === undefined) this.remove();
          else this.set(inOrder ? 1 : 0);
        },
      }),
    );
    new Gauge({
      name: 'imc_build_info',
      help: 'Always 1; the labels tell the version of the program and of Node.js.',
      labelNames: ['version', 'node'],
      registers: [registry],
    }).set({ version, node: process.version }, 1);
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS });
  }

  /** Counts what came of an ImageCache (spec section 7). */
  countCreation(creation: Creation): void {
    this.#creations.labels(creation).inc();
  }

  /** Everything, in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The media type of `text`. */
  get contentType(): string {
    return this.#registry.contentType;
  }
}
