import type { CreationReports, CreationResult } from '../controller/auto-creator.ts';
import type { Leadership } from '../controller/leader-election.ts';
import { leaderOnlyNote, leaderOnlyObjects, leaderOnlyService } from '../controller/leader-only.ts';
import type { LeaderTask } from '../controller/leader-tasks.ts';
import { isSimulatedId, SimulatedCacheService } from '../controller/simulated-cache-service.ts';
import { createsCaches } from '../core/settings.ts';
import { ConfigMapNotes } from '../kubernetes/config-map-notes.ts';
import { CreationEvents } from '../kubernetes/creation-events.ts';
import { ImageCacheClient } from '../kubernetes/image-cache-client.ts';
import type { KubeClient } from '../kubernetes/kube-client.ts';
import { LivingPods } from '../kubernetes/living-pods.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ImageCacheObject } from '../wire/image-cache-object.ts';
import type { CurrentSettings } from './current-settings.ts';
import { giveBackMemory } from './give-back-memory.ts';
import { imageCacheLoops } from './image-cache-loops.ts';

export interface ImageCacheTaskOptions {
  readonly client: KubeClient;
  /** The ConfigMap of our own in which things are kept. */
  readonly state: { readonly namespace: string; readonly name: string };
  readonly settings: CurrentSettings;
  readonly logger: Logger;
  /** Counts a result. */
  readonly count: (result: CreationResult) => void;
}

/** Keys of the ConfigMap. */
const NOTES = { failures: 'failures.json', simulated: 'simulated-caches.json.gz' } as const;

/** Makes and builds the ImageCaches of a cluster, as long as this process leads (spec section 7). */
export function imageCacheTask(options: ImageCacheTaskOptions): LeaderTask {
  return { name: 'image-caches', run: (leadership) => workUntilEnd(options, leadership) };
}

async function workUntilEnd(options: ImageCacheTaskOptions, { signal, isHeld }: Leadership): Promise<void> {
  const { client, state, settings, logger } = options;
  const mayAct = (): boolean => !signal.aborted && isHeld();
  const caches = new ImageCacheClient({ client, logger });
  const makes = (): boolean => {
    const { autoCreate, decision } = settings.now();
    return createsCaches(autoCreate, decision);
  };
  const pods = new LivingPods({
    client,
    settings: () => settings.now().autoCreate,
    areDemandsWanted: makes,
    logger,
    onComplete: giveBackMemory,
  });
  const notes = new ConfigMapNotes(client, state);
  const { creating, building } = imageCacheLoops({
    objects: leaderOnlyObjects(caches, mayAct),
    demands: pods,
    failures: leaderOnlyNote(notes.note(NOTES.failures), mayAct),
    service: leaderOnlyService(
      new SimulatedCacheService({
        books: notes.note(NOTES.simulated, { packed: true }),
        now: Date.now,
        buildMs: () => settings.now().simulateBuildMs,
      }),
      mayAct,
    ),
    isOurs: isForSimulation,
    settings: settings.now,
    now: Date.now,
    logger,
    reports: reportsOf(options, caches, pods),
    // Nobody follows all pods of a cluster for nothing.
    isNeeded: () => {
      const isNeeded = makes() || [...(caches.current()?.values() ?? [])].some(({ cache }) => cache.ours !== undefined);
      if (isNeeded) pods.start();
      return isNeeded;
    },
  });
  const unfollow = settings.onChange(() => {
    creating.poke();
    building.poke();
  });
  caches.start();
  try {
    await Promise.all([creating.run(signal), building.run(signal)]);
  } finally {
    unfollow();
    await Promise.all([caches.stop(), pods.stop()]);
  }
}

function reportsOf(
  { client, settings, logger, count }: ImageCacheTaskOptions,
  caches: ImageCacheClient,
  pods: LivingPods,
): CreationReports {
  const events = new CreationEvents({
    client,
    logger,
    now: Date.now,
    whoWants: (name) => pods.whoWants(name),
    uidOf: (name) => caches.current()?.get(name)?.uid,
    maxCaches: () => settings.now().autoCreate.maxCaches,
  });
  return {
    count,
    refused: (name, _wanted, refusal) => events.refused(name, refusal),
    done: (name, action) => events.done(name, action),
  };
}

/** A cache that somebody else has built is not the simulated builder's to judge. */
function isForSimulation({ cache }: ImageCacheObject): boolean {
  return cache.id === '' || isSimulatedId(cache.id);
}
