import { describe, expect, it } from 'vitest';
import { until } from '../certs/until.ts';
import { anAgent, aServer, call, head, RawConnection, REVIEW } from '../server/harness.ts';

/** Limits that pass within a test. */
const SHORT = { headersMs: 100, requestMs: 200, checkEveryMs: 10 };

describe('kept connections (spec S1)', () => {
  it('stay open longer than the API server keeps them, and serve many reviews', async () => {
    const { port, ca } = await aServer();
    const agent = anAgent(1);
    const replies = [];
    for (let i = 0; i < 5; i++) replies.push(await call({ port, ca, agent }));
    expect(new Set(replies.map(({ localPort }) => localPort)).size).toBe(1);
    const [, seconds] = /^timeout=(\d+)$/.exec(String(replies[0]?.headers['keep-alive'])) ?? [];
    expect(Number(seconds)).toBeGreaterThanOrEqual(120);
  });

  it('survive a refusal', async () => {
    const { port, ca } = await aServer();
    const agent = anAgent(1);
    const refused = await call({ port, ca, agent, body: '{}' });
    const answered = await call({ port, ca, agent });
    expect([refused.status, answered.status]).toEqual([400, 200]);
    expect(answered.localPort).toBe(refused.localPort);
  });
});

describe('clients that take their time (spec A4: never a hung connection)', () => {
  it('ends a connection without a handshake', async () => {
    const { port } = await aServer({ limits: { handshakeMs: 50 } });
    const silent = RawConnection.plain(port);
    await silent.closed;
    expect(silent.text).toBe('');
  });

  it('ends a connection without a request, with 408', async () => {
    const { port, ca } = await aServer({ limits: SHORT });
    const silent = await RawConnection.secure(port, ca);
    await silent.closed;
    expect(silent.text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n.*"kind":"Status"/s);
  });

  it('ends a connection whose headers drip', async () => {
    const { port, ca } = await aServer({ limits: SHORT });
    const slow = await RawConnection.secure(port, ca);
    await slow.drip(head(REVIEW.length, [`X-Long: ${'x'.repeat(2000)}`]), 5);
    await slow.closed;
    expect(slow.text).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('ends a connection whose body drips', async () => {
    const { port, ca, logger, reviewer } = await aServer({ limits: SHORT });
    const slow = await RawConnection.secure(port, ca);
    slow.write(head(100_000));
    await slow.drip(' '.repeat(10_000), 5);
    await slow.closed;
    expect(slow.text).toMatch(/^HTTP\/1\.1 408 /);
    expect(reviewer.asked).toEqual([]);
    expect(logger.of('error')).toEqual([]);
  });

  it('waits for a slow body that gets there', async () => {
    const { port, ca } = await aServer();
    const slow = await RawConnection.secure(port, ca);
    slow.write(head(REVIEW.length));
    await slow.drip(REVIEW, 1);
    await until(() => slow.text.includes('a-uid'));
    expect(slow.text).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('answers a client that refuses to stop sending, and does not wait for it', async () => {
    const { port, ca } = await aServer();
    const eager = await RawConnection.secure(port, ca);
    eager.write(head(21 * 1024 * 1024));
    await until(() => eager.text.includes('RequestEntityTooLarge'));
    expect(eager.text).toMatch(/^HTTP\/1\.1 413 .*connection: close/is);
    await eager.closed;
  });
});

describe('clients that break off or talk nonsense (spec A4)', () => {
  it('survives resets in the middle of a body', async () => {
    const { port, ca, logger } = await aServer();
    for (let i = 0; i < 10; i++) {
      const broken = await RawConnection.secure(port, ca);
      broken.write(head(REVIEW.length, ['Expect: 100-continue']));
      await until(() => broken.text.includes('100 Continue'));
      broken.write(REVIEW.slice(0, 50));
      if (i % 2 === 0) broken.socket.end();
      else broken.tcp.resetAndDestroy();
    }
    await until(() => logger.of('client went away').length === 10);
    expect((await call({ port, ca })).status).toBe(200);
    expect(logger.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
  });

  it('survives a reset while a review waits', async () => {
    const { port, ca, reviewer, observed } = await aServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    let isWaiting = false;
    reviewer.wait = () => {
      isWaiting = true;
      return promise;
    };
    const broken = await RawConnection.secure(port, ca);
    broken.write(head(REVIEW.length) + REVIEW);
    await until(() => isWaiting);
    broken.tcp.resetAndDestroy();
    await broken.closed;
    resolve();
    await until(() => observed.length === 1);
    reviewer.wait = undefined;
    expect((await call({ port, ca })).status).toBe(200);
  });

  it.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['a head that is too large', head(0, [`X-Long: ${'x'.repeat(20_000)}`]), 431],
    ['two lengths', head(5, ['Content-Length: 6']), 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ])('answers %s with a Status and closes', async (_what, text, code) => {
    const { port, ca } = await aServer();
    const connection = await RawConnection.secure(port, ca);
    connection.write(text);
    await connection.closed;
    expect(connection.text).toMatch(new RegExp(`^HTTP/1\\.1 ${code} .*"kind":"Status".*"code":${code}`, 's'));
  });

  it('drops plain HTTP', async () => {
    const { port, ca } = await aServer();
    const plain = RawConnection.plain(port);
    plain.write(head(REVIEW.length) + REVIEW);
    await plain.closed;
    expect(plain.text).not.toContain('a-uid');
    expect((await call({ port, ca })).status).toBe(200);
  });

  it('answers a client that wants to be told to go on', async () => {
    const { port, ca } = await aServer();
    const polite = await RawConnection.secure(port, ca);
    polite.write(head(REVIEW.length, ['Expect: 100-continue']));
    await until(() => polite.text.includes('100 Continue'));
    polite.write(REVIEW);
    await until(() => polite.text.includes('a-uid'));
    expect(polite.text).toMatch(/HTTP\/1\.1 200 /);
  });
});
