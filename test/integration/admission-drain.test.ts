import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { until } from '../certs/until.ts';
import type { Reply } from '../server/harness.ts';
import { anAgent, aServer, call, head, RawConnection, REVIEW } from '../server/harness.ts';

/** Longer than any test: what ends such a drain is not the time. */
const FOREVER_SECONDS = 3600;

describe('drain (spec S3)', () => {
  it('answers everybody, new connections too, with Connection: close', async () => {
    const { server, port, ca } = await aServer();
    const agent = anAgent(8);
    let isDraining = false;
    const before: Reply[] = [];
    const during: Reply[] = [];
    const load = Array.from({ length: 8 }, async () => {
      for (let sent = 0; sent < 25; ) {
        const wasDraining = isDraining;
        const reply = await call({ port, ca, agent });
        (wasDraining ? during : before).push(reply);
        if (wasDraining) sent++;
      }
    });
    await until(() => before.length > 40);
    const drained = server.drain(FOREVER_SECONDS);
    isDraining = true;
    await Promise.all(load);

    expect([...before, ...during].every(({ status }) => status === 200)).toBe(true);
    expect(during).toHaveLength(200);
    expect(new Set(during.map(({ headers }) => headers.connection))).toEqual(new Set(['close']));
    expect((await call({ port, ca, path: '/nowhere' })).headers.connection).toBe('close');

    await server.close();
    await drained;
  });

  it('finishes what is in flight, refuses what comes after with 503 and Retry-After: 1, then closes', async () => {
    const { server, port, ca, reviewer } = await aServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    let isWaiting = false;
    reviewer.wait = () => {
      isWaiting = true;
      return promise;
    };
    const idle = await aKeptConnection(port, ca, reviewer);
    reviewer.wait = () => {
      isWaiting = true;
      return promise;
    };
    const inFlight = call({ port, ca, agent: anAgent(1) });
    const sendingBody = await RawConnection.secure(port, ca);
    sendingBody.write(head(REVIEW.length) + REVIEW.slice(0, 10));
    const open = await RawConnection.secure(port, ca);
    await until(() => isWaiting);

    const drained = server.drain(0);
    expect(server.drain(FOREVER_SECONDS)).toBe(drained);
    await idle.closed;
    await until(() => isRefused(port));

    open.write(head(REVIEW.length) + REVIEW);
    await open.closed;
    expect(open.text).toMatch(/^HTTP\/1\.1 503 /);
    expect(open.text).toMatch(/^retry-after: 1\r$/im);
    expect(open.text).toMatch(/^connection: close\r$/im);
    expect(open.text).toMatch(/"kind":"Status".*"reason":"ServiceUnavailable"/);

    reviewer.wait = undefined;
    sendingBody.write(REVIEW.slice(10));
    await sendingBody.closed;
    expect(sendingBody.text).toMatch(/^HTTP\/1\.1 200 /);

    resolve();
    const reply = await inFlight;
    expect([reply.status, reply.headers.connection]).toEqual([200, 'close']);
    await drained;
  });

  it('gives what is in flight a deadline', async () => {
    const { server, port, ca, reviewer } = await aServer({ limits: { inFlightMs: 50 } });
    const { promise, resolve } = Promise.withResolvers<void>();
    let isWaiting = false;
    reviewer.wait = () => {
      isWaiting = true;
      return promise;
    };
    const inFlight = call({ port, ca }).catch((error: Error) => error.message);
    const handshaking = RawConnection.plain(port);
    await until(() => isWaiting);
    await server.drain(0);
    expect(await inFlight).toMatch(/hang up|ECONNRESET/);
    await handshaking.closed;
    resolve();
  });

  it('can be closed at once, before, during and after a drain', async () => {
    const first = await aServer();
    await first.server.close();
    await first.server.drain(FOREVER_SECONDS);

    const second = await aServer();
    const silent = await RawConnection.secure(second.port, second.ca);
    const drained = second.server.drain(FOREVER_SECONDS);
    await second.server.close();
    await drained;
    await silent.closed;
    await second.server.close();
    expect(await isRefused(second.port)).toBe(true);
  });
});

/** A connection that has had an answer and waits for more. */
async function aKeptConnection(port: number, ca: string, reviewer: { wait: unknown }): Promise<RawConnection> {
  reviewer.wait = undefined;
  const connection = await RawConnection.secure(port, ca);
  connection.write(head(REVIEW.length) + REVIEW);
  await until(() => connection.text.includes('a-uid'));
  return connection;
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}
