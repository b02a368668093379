import { createServer } from 'node:https';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { rehearsal } from '../../src/composition/rehearsal.ts';
import { rehearse } from '../../src/server/rehearsal.ts';
import { decodeAdmissionReview } from '../../src/wire/admission-review.ts';
import { aPair } from '../certs/pairs.ts';
import { aServer, call, FakeReviewer, REVIEW } from './harness.ts';

/** Reviews before the first caller comes. */

describe('a rehearsal', () => {
  it('is over when the server listens, and has left no trace', async () => {
    const rehearsed = new FakeReviewer();
    const { port, ca, reviewer, logger, observed } = await aServer({
      rehearsal: { reviewer: rehearsed, review: REVIEW },
    });
    expect(rehearsed.asked.length).toBeGreaterThan(1);
    expect(rehearsed.asked[0]).toMatchObject({ late: false, request: { uid: 'a-uid' } });
    expect([reviewer.asked, observed, logger.lines]).toEqual([[], [], []]);

    const before = rehearsed.asked.length;
    expect((await call({ port, ca, body: REVIEW })).status).toBe(200);
    expect(reviewer.asked).toHaveLength(1);
    expect(rehearsed.asked).toHaveLength(before);
    expect(observed).toHaveLength(1);
  });

  it('takes place where callers have to show a certificate, too', async () => {
    const rehearsed = new FakeReviewer();
    const { caPem } = await aPair();
    const { logger } = await aServer({ rehearsal: { reviewer: rehearsed, review: REVIEW }, clientCaPem: caPem });
    expect(rehearsed.asked.length).toBeGreaterThan(1);
    expect(logger.lines).toEqual([]);
  });

  it('does not keep the server from its work when it goes wrong', async () => {
    const rehearsed = new FakeReviewer();
    rehearsed.review = () => {
      throw new Error('broken');
    };
    const { port, ca, reviewer } = await aServer({ rehearsal: { reviewer: rehearsed, review: REVIEW } });
    expect((await call({ port, ca, body: REVIEW })).status).toBe(200);
    expect(reviewer.asked).toHaveLength(1);
  });

  it('ends when nobody answers', async () => {
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(AbortSignal.abort());
    onTestFinished(() => void vi.restoreAllMocks());
    await expect(rehearse(createServer(), 'GET / HTTP/1.1', { requests: 1, withinMs: 1, tls: true })).rejects.toThrow(
      'aborted',
    );
  });

  it('plays the whole way of a review: a pod whose images are all in one ImageCache', () => {
    const { reviewer, review } = rehearsal();
    const verdict = reviewer.review(decodeAdmissionReview(JSON.parse(review)));
    expect(verdict).toMatchObject({ allowed: true, outcome: 'CompleteMatch' });
    expect(verdict.patch.length).toBeGreaterThan(0);
  });
});
