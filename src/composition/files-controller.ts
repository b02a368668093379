import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Verdict } from '../admission/verdict.ts';
import type { HotSettings } from '../config/config.ts';
import { AutoCreator, type CreationReports } from '../controller/auto-creator.ts';
import { CacheLifecycle } from '../controller/cache-lifecycle.ts';
import { FailureLedger } from '../controller/failure-ledger.ts';
import { PassLoop } from '../controller/pass-loop.ts';
import { SimulatedCacheService } from '../controller/simulated-cache-service.ts';
import { createsCaches } from '../core/settings.ts';
import type { EmbeddedSource } from '../embedded/embedded-source.ts';
import { AUTO_CREATED_FOLDER, ImageCacheFiles } from '../embedded/image-cache-files.ts';
import { NoteFile } from '../embedded/note-file.ts';
import { ReviewDemands } from '../embedded/review-demands.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AdmissionRequest } from '../wire/admission-review.ts';
import { pullSecretNamesOf } from '../wire/pod.ts';
import type { Background } from './background.ts';

/** What a {@link FilesController} works with. */
export interface FilesControllerOptions {
  readonly directory: string;
  readonly source: EmbeddedSource;
  /** Those in force, asked for at every pass. */
  readonly settings: () => HotSettings;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly reports: CreationReports;
}

/** Names that start with a dot are no manifests: the files source passes them over. */
const NOTES = { failures: '.failures.json', simulated: '.simulated-caches.json' } as const;

/** A build is looked at this many times while it takes, and no more often than this. */
const LOOKS_PER_BUILD = 20;
const LOOK_AT_MOST_EVERY_MS = 200;

/** With files, the controller works inside `imc serve` (spec N1): ImageCaches are made from reviews, and built. */
export class FilesController implements Background {
  readonly #options: FilesControllerOptions;
  readonly #demands: ReviewDemands;
  readonly #loops: readonly PassLoop[];
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: FilesControllerOptions) {
    this.#options = options;
    const { directory, source, settings, now, reports } = options;
    const { logger } = options;
    const objects = new ImageCacheFiles({ directory, source, now });
    const noteFile = (name: string): NoteFile => new NoteFile(join(directory, AUTO_CREATED_FOLDER, name));
    this.#demands = new ReviewDemands({ settings: () => settings().autoCreate, now });

    const creator = new AutoCreator({
      objects,
      demands: this.#demands,
      ledger: new FailureLedger(noteFile(NOTES.failures)),
      settings: () => {
        const { autoCreate, decision } = settings();
        const enabled = createsCaches(autoCreate.enabled, decision.controllerDriver);
        return { ...autoCreate, enabled, expiryMarginMs: decision.expiryMarginMs };
      },
      now,
      logger,
      reports,
    });
    const lifecycle = new CacheLifecycle({
      objects,
      service: new SimulatedCacheService({
        books: noteFile(NOTES.simulated),
        now,
        buildMs: () => settings().simulateBuildMs,
      }),
      logger: logger.child({ component: 'builder' }),
      isOurs: (object) => objects.isOurs(object),
    });
    const loopOf = (pass: () => Promise<number>): PassLoop =>
      new PassLoop({ pass, logger: logger.child({ component: 'controller' }), now, random: Math.random, wait });
    const creating = loopOf(() => creator.pass());
    const building = loopOf(async () => {
      if (settings().decision.controllerDriver !== 'simulated') return Infinity;
      const isBuilding = await lifecycle.pass();
      const lookEveryMs = Math.max(LOOK_AT_MOST_EVERY_MS, settings().simulateBuildMs / LOOKS_PER_BUILD);
      return isBuilding ? now() + lookEveryMs : Infinity;
    });
    this.#demands.onChange(creating.poke);
    for (const loop of [creating, building]) objects.onChange(loop.poke);
    this.#loops = [creating, building];
  }

  start(): void {
    this.#running = Promise.all(this.#loops.map((loop) => loop.run(this.#stopping.signal)));
  }

  /** Finishes what is being written. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** A review was answered: with files, that is how pods become known. Dry runs have no effect (spec G5). */
  reviewed({ dryRun, namespace, object }: AdmissionRequest, { allowed, decision }: Verdict): void {
    if (dryRun || !allowed || decision === undefined || this.#options.settings().decision.mode !== 'enforce') return;
    this.#demands.admitted(decision.because, namespace, pullSecretNamesOf(object));
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  // An aborted wait is over, no failure.
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
