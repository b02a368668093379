import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';

/** What the metrics are made for. The label values come from closed unions of the rooms that count (spec S8). */
export interface MetricsOptions<
  Outcome extends string,
  Resource extends string,
  Cause extends string,
  Creation extends string,
> {
  /** The version of this program. */
  readonly version: string;
  readonly outcomes: readonly Outcome[];
  readonly resources: readonly Resource[];
  /** Why a watch of a resource can begin again. */
  readonly restartCauses: readonly Cause[];
  /** What can come of an ImageCache that was wanted, or was made by us. */
  readonly creations: readonly Creation[];
}

/** What is read at the moment of a scrape. `undefined` means not known yet: there is no sample then. */
export interface Readings<Resource extends string> {
  /** Seconds since the source was last in touch about this resource. */
  snapshotAgeSeconds(resource: Resource): number | undefined;
  /** How many objects of this resource are held. */
  objects(resource: Resource): number | undefined;
  /** Whether the eci-profile in the cluster is the one in force (spec P6). */
  profileValid(): boolean | undefined;
  /** When the serving certificate ends. */
  certificateExpiry(): Date | undefined;
}

/** From a review of a small pod to the longest timeout anybody sets for a webhook. */
const DURATION_BUCKETS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5,
];

/** A sample wakes the process: every 10 ms, the default, would take most of what an idle replica uses. */
export const EVENT_LOOP_SAMPLE_MS = 100;

/**
 * The metrics of spec S8. Counting costs well under a microsecond; everything that can be read when it is asked for is
 * read then.
 */
export class Metrics<Outcome extends string, Resource extends string, Cause extends string, Creation extends string> {
  readonly #registry = new Registry();
  readonly #reviews = new Map<Outcome, Counter.Internal>();
  readonly #undecodable = new Map<Resource, Counter.Internal>();
  readonly #restarts: Counter<'resource' | 'cause'>;
  readonly #creations = new Map<Creation, Counter.Internal>();
  readonly #duration: Histogram;
  readonly #resources: readonly Resource[];

  constructor(options: MetricsOptions<Outcome, Resource, Cause, Creation>) {
    const { version, outcomes, resources, restartCauses, creations } = options;
    this.#resources = resources;
    const registers = [this.#registry];
    const reviews = new Counter({
      name: 'imc_reviews_total',
      help: 'AdmissionReviews answered, by outcome.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of outcomes) this.#reviews.set(outcome, startAtZero(reviews.labels(outcome)));
    this.#duration = new Histogram({
      name: 'imc_review_duration_seconds',
      help: 'Time from the arrival of an AdmissionReview to its answer.',
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    });
    const undecodable = new Counter({
      name: 'imc_undecodable_total',
      help: 'Objects that could not be read, by resource.',
      labelNames: ['resource'],
      registers,
    });
    for (const resource of resources) this.#undecodable.set(resource, startAtZero(undecodable.labels(resource)));
    this.#restarts = new Counter({
      name: 'imc_watch_restarts_total',
      help: 'Watches of the API server that ended and began again, by resource and cause.',
      labelNames: ['resource', 'cause'],
      registers,
    });
    for (const resource of resources) {
      for (const cause of restartCauses) startAtZero(this.#restarts.labels(resource, cause));
    }
    const created = new Counter({
      name: 'imc_autocreate_total',
      help: 'ImageCaches made, cared for or refused by automatic creation, by result.',
      labelNames: ['result'],
      registers,
    });
    for (const creation of creations) this.#creations.set(creation, startAtZero(created.labels(creation)));
    new Gauge({
      name: 'imc_build_info',
      help: 'Always 1; the labels tell the version of the program and of Node.js.',
      labelNames: ['version', 'node'],
      registers,
    }).set({ version, node: process.version }, 1);
  }

  /**
   * Adds what is read at each scrape, those of the process besides. Call it once, when the things to read are there.
   */
  read(readings: Readings<Resource>): void {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS });
    const resources = this.#resources;
    const registry = this.#registry;
    const registers: [] = [];
    registry.registerMetric(
      new Gauge({
        name: 'imc_snapshot_age_seconds',
        help: 'Time since the source of the cluster was last heard, by resource.',
        labelNames: ['resource'],
        registers,
        collect() {
          for (const resource of resources) setOrRemove(this, resource, readings.snapshotAgeSeconds(resource));
        },
      }),
    );
    registry.registerMetric(
      new Gauge({
        name: 'imc_objects',
        help: 'Objects held, by resource; for the eci-profile its rules.',
        labelNames: ['resource'],
        registers,
        collect() {
          for (const resource of resources) setOrRemove(this, resource, readings.objects(resource));
        },
      }),
    );
    registry.registerMetric(
      new Gauge({
        name: 'imc_profile_valid',
        help: 'Whether the eci-profile can be used: 1, or 0 while the last good rules stay in force.',
        registers,
        collect() {
          const valid = readings.profileValid();
          if (valid === undefined) this.remove();
          else this.set(valid ? 1 : 0);
        },
      }),
    );
    registry.registerMetric(
      new Gauge({
        name: 'imc_certificate_expiry_timestamp_seconds',
        help: 'When the serving certificate ends, in seconds since the epoch.',
        registers,
        collect() {
          const expiry = readings.certificateExpiry();
          if (expiry === undefined) this.remove();
          else this.set(expiry.getTime() / 1000);
        },
      }),
    );
  }

  /** Counts one answered review. */
  observeReview(outcome: Outcome, seconds: number): void {
    this.#reviews.get(outcome)?.inc();
    this.#duration.observe(seconds);
  }

  /** Counts an object that could not be read. */
  countUndecodable(resource: Resource): void {
    this.#undecodable.get(resource)?.inc();
  }

  /** Counts a watch that began again. */
  countWatchRestart(resource: Resource, cause: Cause): void {
    this.#restarts.labels(resource, cause).inc();
  }

  /** Counts what came of an ImageCache (spec section 7). */
  countCreation(creation: Creation): void {
    this.#creations.get(creation)?.inc();
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

/** A counter that is there from the start makes the first event visible as an increase. */
function startAtZero(counter: Counter.Internal): Counter.Internal {
  counter.inc(0);
  return counter;
}

function setOrRemove(gauge: Gauge<'resource'>, resource: string, value: number | undefined): void {
  if (value === undefined) gauge.remove({ resource });
  else gauge.set({ resource }, value);
}
