import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { rehearsal } from '../../src/composition/rehearsal.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { rehearse } from '../../src/server/rehearsal.ts';
import { decodeAdmissionReview } from '../../src/wire/admission-review.ts';
import { aPair } from '../certs/pairs.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { aServer, call, FakeReviewer, REVIEW } from './harness.ts';

/** Reviews before the first caller comes. */

function aRehearsal(reviewer = new FakeReviewer()) {
  const logger = new RecordingLogger();
  const observed: Outcome[] = [];
  const told: string[] = [];
  return {
    reviewer,
    logger,
    observed,
    told,
    metrics: { observeReview: (outcome: Outcome) => void observed.push(outcome) },
    onReviewed: ({ uid }: { readonly uid: string }) => void told.push(uid),
    review: () => REVIEW,
  };
}

describe('a rehearsal', () => {
  it('takes the whole way of a review, and leaves no trace', async () => {
    const { server, port, ca, reviewer, logger, observed } = await aServer();
    const play = aRehearsal();
    await server.rehearse(() => play);
    const { length } = play.reviewer.asked;
    expect(length).toBeGreaterThan(1);
    expect(play.reviewer.asked[0]).toMatchObject({ late: false, request: { uid: 'a-uid' } });
    expect([play.observed, play.told, play.logger.lines].map((all) => all.length)).toEqual([length, length, length]);
    expect([reviewer.asked, observed, logger.lines]).toEqual([[], [], []]);

    expect((await call({ port, ca, body: REVIEW })).status).toBe(200);
    expect([reviewer.asked.length, observed.length]).toEqual([1, 1]);
    expect(play.reviewer.asked).toHaveLength(length);
  });

  it('answers who comes meanwhile as ever', async () => {
    const { server, port, ca, reviewer, observed } = await aServer();
    const play = aRehearsal();
    const over = Promise.withResolvers<void>();
    play.reviewer.wait = () => over.promise;
    const rehearsed = server.rehearse(() => play);
    expect((await call({ port, ca, body: REVIEW })).status).toBe(200);
    expect([reviewer.asked.length, observed.length]).toEqual([1, 1]);
    over.resolve();
    await rehearsed;
    expect(reviewer.asked).toHaveLength(1);
  });

  it('takes place where callers have to show a certificate, too', async () => {
    const { caPem } = await aPair();
    const { server, logger } = await aServer({ clientCaPem: caPem });
    const play = aRehearsal();
    await server.rehearse(() => play);
    expect(play.reviewer.asked.length).toBeGreaterThan(1);
    expect(logger.lines).toEqual([]);
  });

  it('does not keep the server from its work when it goes wrong', async () => {
    const { server, port, ca, reviewer, logger } = await aServer();
    const broken = (): never => {
      throw new Error('broken');
    };
    await server.rehearse(broken);
    await server.rehearse(() => ({ ...aRehearsal(), review: broken }));
    const warning = { message: 'rehearsal failed; the first reviews may take longer' };
    expect(logger.lines).toMatchObject([warning, warning]);
    expect((await call({ port, ca, body: REVIEW })).status).toBe(200);
    expect(reviewer.asked).toHaveLength(1);
  });

  it('ends when nobody answers', async () => {
    const { certPem, keyPem } = await aPair();
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(AbortSignal.abort());
    onTestFinished(() => void vi.restoreAllMocks());
    const options = { requests: 1, withinMs: 1, secureContext: { cert: certPem, key: keyPem } };
    const silence = { handler: () => undefined, requestText: () => '', onConnection: () => undefined };
    await expect(rehearse({ ...options, ...silence })).rejects.toThrow('aborted');
  });

  it('reviews pods that are covered wholly, in part, and not at all, each for the first time', () => {
    const { reviewer, review } = rehearsal();
    const bodies = Array.from({ length: 600 }, (_, number) => review(number));
    expect(new Set(bodies).size).toBe(bodies.length);
    const verdicts = bodies.slice(0, 3).map((body) => reviewer.review(decodeAdmissionReview(JSON.parse(body))));
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['CompleteMatch', 'PartialMatch', 'NoMatch']);
    expect(verdicts.map(({ patch }) => patch.length > 0)).toEqual([true, true, true]);
  });
});
