import { join } from 'node:path';
import type { Verdict } from '../admission/verdict.ts';
import type { HotSettings } from '../config/config.ts';
import type { CreationReports } from '../controller/auto-creator.ts';
import type { PassLoop } from '../controller/pass-loop.ts';
import { SimulatedCacheService } from '../controller/simulated-cache-service.ts';
import type { EmbeddedSource } from '../embedded/embedded-source.ts';
import { AUTO_CREATED_FOLDER, ImageCacheFiles } from '../embedded/image-cache-files.ts';
import { NoteFile } from '../embedded/note-file.ts';
import { ReviewDemands } from '../embedded/review-demands.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AdmissionRequest } from '../wire/admission-review.ts';
import { pullSecretNamesOf } from '../wire/pod.ts';
import type { Background } from './background.ts';
import { imageCacheLoops } from './image-cache-loops.ts';

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

/** With files, the controller works inside `imc serve` (spec N1): ImageCaches are made from reviews, and built. */
export class FilesController implements Background {
  readonly #options: FilesControllerOptions;
  readonly #demands: ReviewDemands;
  readonly #loops: readonly PassLoop[];
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: FilesControllerOptions) {
    this.#options = options;
    const { directory, source, settings, now, logger, reports } = options;
    const objects = new ImageCacheFiles({ directory, source, now });
    const noteFile = (name: string): NoteFile => new NoteFile(join(directory, AUTO_CREATED_FOLDER, name));
    this.#demands = new ReviewDemands({ settings: () => settings().autoCreate, now });

    const { creating, building } = imageCacheLoops({
      objects,
      demands: this.#demands,
      failures: noteFile(NOTES.failures),
      service: new SimulatedCacheService({
        books: noteFile(NOTES.simulated),
        now,
        buildMs: () => settings().simulateBuildMs,
      }),
      isOurs: (object) => objects.isOurs(object),
      settings,
      now,
      logger,
      reports,
    });
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
