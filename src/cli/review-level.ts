import type { AnsweredReview } from '../admission/answered-review.ts';
import { readAnsweredReview } from '../admission/answered-review.ts';
import type { OfflineEngine } from '../composition/commands.ts';
import type { ReviewClient } from './review-client.ts';
import type { Reviewable } from './review-subjects.ts';

/** Who can be asked what becomes of a pod (spec section 8), nearest to the source first. */
export type LevelName = 'offline' | 'webhook' | 'API server';

/** One of them. Nothing it does has an effect. */
export interface ReviewLevel {
  readonly name: LevelName;
  /** Answers in the order of the pods. */
  answer(reviewables: readonly Reviewable[]): Promise<readonly Answered[]>;
  close(): Promise<void>;
}

/** What one level said of one pod. */
export interface Answered {
  readonly reviewable: Reviewable;
  readonly answer: AnsweredReview;
  /** Why it was skipped or failed, where that is known. */
  readonly reason: string;
  /** The AdmissionReview that answered; empty from an API server, which does not pass it on. */
  readonly body: string;
}

/** The engine of this program, over files or over what it listed. */
export function offlineLevel(engine: OfflineEngine): ReviewLevel {
  return {
    name: 'offline',
    answer: async (reviewables) =>
      reviewables.map((reviewable) => answered(reviewable, engine.answer(reviewable.review))),
    close: async () => undefined,
  };
}

/** A running webhook, asked as the API server asks it. @param progress - told how many pods are done. */
export function webhookLevel(client: ReviewClient, progress: (done: number) => void): ReviewLevel {
  return {
    name: 'webhook',
    answer: async (reviewables) => {
      const answers: Answered[] = [];
      for (const reviewable of reviewables) {
        answers.push(answered(reviewable, await client.send(reviewable.review)));
        progress(answers.length);
      }
      return answers;
    },
    close: () => client.close(),
  };
}

function answered(
  reviewable: Reviewable,
  { body, reason }: { readonly body: string; readonly reason: string },
): Answered {
  const { uid, object } = reviewable;
  return { reviewable, body, reason, answer: readAnsweredReview(uid, object, body) };
}
