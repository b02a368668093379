import { once } from 'node:events';
import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { duplexPair } from 'node:stream';
import { connect } from 'node:tls';

/** How long a rehearsal goes on: whatever comes first. */
export interface RehearsalLimits {
  readonly requests: number;
  readonly withinMs: number;
}

/** Also on a slow machine: the first request is the one that costs. */
const LEAST = 2;
/** A server that does not answer itself must start all the same. */
const GIVE_UP_MS = 5_000;

/**
 * Sends a server requests over a connection within this process, one after another, before it listens: so that the code
 * that answers is compiled, and known to be hot, when the first caller comes. Nobody else can be asking meanwhile.
 *
 * @param request - a whole HTTP request that leaves the connection open
 * @throws AbortError when there is no answer within five seconds
 * @param options - `tls`: with a handshake, which a server that asks for client certificates would refuse
 */
export async function rehearse(
  server: Server,
  request: string,
  { requests, withinMs, tls }: RehearsalLimits & { readonly tls: boolean },
): Promise<void> {
  const signal = AbortSignal.timeout(GIVE_UP_MS);
  const [near, far] = duplexPair();
  far.on('error', () => {}); // how it ends is of no interest
  server.emit(tls ? 'connection' : 'secureConnection', far);
  const client = tls ? await handshake(near, signal) : near;
  try {
    const untilMs = performance.now() + withinMs;
    for (let sent = 0; sent < requests && (sent < LEAST || performance.now() < untilMs); sent += 1) {
      client.write(request);
      await once(client, 'data', { signal }); // an answer is written in one piece
    }
  } finally {
    client.destroy();
    far.destroy();
  }
}

async function handshake(socket: Duplex, signal: AbortSignal): Promise<Duplex> {
  // There is nobody between the two ends whom a check of the certificate could find.
  const client = connect({ socket, rejectUnauthorized: false });
  client.on('error', () => {}); // told to whoever waits; later it is of no interest
  await once(client, 'secureConnect', { signal });
  return client;
}
