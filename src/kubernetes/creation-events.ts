import { createHash } from 'node:crypto';
import { DELETED_BECAUSE, RETIRED_BECAUSE } from '../core/action-text.ts';
import type { PlannedAction, PlanRefusal } from '../core/creation-plan.ts';
import { refusalText } from '../core/refusal-text.ts';
import type { Logger } from '../telemetry/logger.ts';
import { isStatus } from './cluster-errors.ts';
import { type News, type ObjectReference, writeEvent } from './event.ts';
import type { KubeClient } from './kube-client.ts';

export interface CreationEventsOptions {
  readonly client: Pick<KubeClient, 'create'>;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Who wants the ImageCache of this name: a pod, or what made it. */
  readonly whoWants: (name: string) => ObjectReference | undefined;
  /** The uid of an ImageCache, so that `kubectl describe` shows its Events. */
  readonly uidOf: (name: string) => string | undefined;
  /** `autoCreate.maxCaches`, for the text. */
  readonly maxCaches: () => number;
}

/** So many at once, and one more in so much time: clusters keep Events for an hour, and all of them in one place. */
const AT_ONCE = 25;
const ONE_MORE_EVERY_MS = 4_000;

/**
 * Events of automatic creation (spec N3): on an ImageCache what was done to it, and beside pods why none is made for them.
 * One that cannot be written, or would be one too many, is left out: the log says the same.
 */
export class CreationEvents {
  readonly #options: CreationEventsOptions;
  #spare = AT_ONCE;
  #sinceMs: number;

  constructor(options: CreationEventsOptions) {
    this.#options = options;
    this.#sinceMs = options.now();
  }

  /** Whoever wants it is told, once for each name and reason as long as the API server keeps the Event. */
  refused(name: string, refusal: PlanRefusal): void {
    // What is switched off is no surprise.
    if (refusal.reason === 'Disabled') return;
    const about = this.#options.whoWants(name);
    if (about === undefined) return;
    const image = 'image' in refusal ? refusal.image : '';
    const text = refusalText(name, refusal, this.#options.maxCaches());
    const type = PASSING.has(refusal.reason) ? 'Normal' : 'Warning';
    const message = `no ImageCache is made for the images of ${about.kind} ${about.name}: ${text}`;
    this.#write(about, { type, reason: `ImageCache${refusal.reason}`, message }, [name, refusal.reason, image]);
  }

  done(name: string, action: PlannedAction): void {
    const news = newsOf(action);
    if (news === undefined) return;
    const { now, uidOf } = this.#options;
    const uid = uidOf(name);
    const about: ObjectReference = { ...IMAGE_CACHE, name, ...(uid === undefined ? {} : { uid }) };
    this.#write(about, news, [name, action.kind, String(now())]);
  }

  #write(about: ObjectReference, news: News, identity: readonly string[]): void {
    const { client, logger, now } = this.#options;
    if (!this.#isAllowed()) return;
    const suffix = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 16);
    writeEvent(client, about, news, { component: 'imc-controller', suffix, now: new Date(now()) }).catch(
      (err: unknown) => {
        // It is there already.
        if (!isStatus(err, 409)) logger.debug({ err }, 'an Event was not written');
      },
    );
  }

  #isAllowed(): boolean {
    const nowMs = this.#options.now();
    const earned = Math.max(0, Math.floor((nowMs - this.#sinceMs) / ONE_MORE_EVERY_MS));
    this.#spare = Math.min(AT_ONCE, this.#spare + earned);
    this.#sinceMs = this.#spare === AT_ONCE ? nowMs : this.#sinceMs + earned * ONE_MORE_EVERY_MS;
    if (this.#spare === 0) return false;
    this.#spare -= 1;
    return true;
  }
}

const IMAGE_CACHE = { apiVersion: 'eci.alibabacloud.com/v1', kind: 'ImageCache', namespace: '' } as const;

/** Reasons that pass by themselves. */
const PASSING: ReadonlySet<PlanRefusal['reason']> = new Set(['PerMinute', 'RetryLater']);

function newsOf(action: PlannedAction): News | undefined {
  switch (action.kind) {
    case 'create':
      return {
        type: 'Normal',
        reason: 'AutoCreated',
        message: `made for pods with ${action.demand.wanted.references.join(', ')}`,
      };
    case 'restore':
      return { type: 'Normal', reason: 'Restored', message: 'offered again: pods want exactly its images' };
    case 'retire':
      return {
        type: 'Normal',
        reason: 'Retired',
        message: `no longer offered to new pods: ${RETIRED_BECAUSE[action.because]}`,
      };
    case 'delete':
      return { type: 'Normal', reason: 'Deleted', message: `deleted: ${DELETED_BECAUSE[action.because]}` };
    case 'record-failure':
      return {
        type: 'Warning',
        reason: 'BuildFailed',
        message: `attempt ${action.record.failures} to build it failed`,
      };
    case 'forget-failures':
    case 'touch':
      return undefined;
  }
}
