import { setTimeout as sleep } from 'node:timers/promises';
import type { HotSettings } from '../config/config.ts';
import { AutoCreator, type CreationReports } from '../controller/auto-creator.ts';
import { CacheLifecycle } from '../controller/cache-lifecycle.ts';
import type { CacheService } from '../controller/cache-service.ts';
import { FailureLedger } from '../controller/failure-ledger.ts';
import type { ImageCacheObjects } from '../controller/image-cache-objects.ts';
import type { Note } from '../controller/note.ts';
import { PassLoop } from '../controller/pass-loop.ts';
import type { PodDemands } from '../controller/pod-demands.ts';
import { createsCaches } from '../core/settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ImageCacheObject } from '../wire/image-cache-object.ts';

/** What the making and building of ImageCaches works with, wherever they are. */
export interface ImageCacheLoopsOptions {
  readonly objects: ImageCacheObjects;
  readonly demands: PodDemands;
  /** Keeps failed attempts. */
  readonly failures: Note;
  /** Builds with the driver `simulated`. */
  readonly service: CacheService;
  /** Whether an object is for {@link service} to build. */
  readonly isOurs: (object: ImageCacheObject) => boolean;
  /** Those in force, asked for at every pass. */
  readonly settings: () => HotSettings;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly reports: CreationReports;
  /** Called before each pass of making; one that returns false is left out until there is news. */
  readonly isNeeded?: () => boolean;
}

/** A build is looked at this many times while it takes, and no more often than this. */
const LOOKS_PER_BUILD = 20;
const LOOK_AT_MOST_EVERY_MS = 200;

/** The two loops that make and build ImageCaches; changes of objects and pods wake them. */
export function imageCacheLoops(options: ImageCacheLoopsOptions): {
  readonly creating: PassLoop;
  readonly building: PassLoop;
} {
  const { objects, demands, failures, service, isOurs, settings, now, logger, reports, isNeeded } = options;
  const creator = new AutoCreator({
    objects,
    demands,
    ledger: new FailureLedger(failures),
    settings: () => {
      const { autoCreate, decision } = settings();
      return { ...autoCreate, enabled: createsCaches(autoCreate, decision), expiryMarginMs: decision.expiryMarginMs };
    },
    now,
    logger,
    reports,
  });
  const lifecycle = new CacheLifecycle({
    objects,
    service,
    now,
    logger: logger.child({ component: 'builder' }),
    isOurs,
  });
  const loopOf = (pass: () => Promise<number>): PassLoop =>
    new PassLoop({ pass, logger: logger.child({ component: 'controller' }), now, random: Math.random, wait });
  const creating = loopOf(async () => (isNeeded?.() === false ? Infinity : creator.pass()));
  const building = loopOf(async () => {
    if (settings().decision.controllerDriver !== 'simulated') return Infinity;
    const isBuilding = await lifecycle.pass();
    const lookEveryMs = Math.max(LOOK_AT_MOST_EVERY_MS, settings().simulateBuildMs / LOOKS_PER_BUILD);
    return isBuilding ? now() + lookEveryMs : Infinity;
  });
  demands.onChange(creating.poke);
  for (const loop of [creating, building]) objects.onChange(loop.poke);
  return { creating, building };
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  // An aborted wait is over, no failure.
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
