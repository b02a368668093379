import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { connect } from 'node:tls';

/** How long a rehearsal goes on: whatever comes first. */
export interface RehearsalLimits {
  readonly requests: number;
  readonly withinMs: number;
}

export interface RehearsalOptions extends RehearsalLimits {
  readonly secureContext: SecureContextOptions;
  /** Answers as to any caller, in one piece. */
  readonly handler: RequestListener;
  /** The whole HTTP request of this number; it leaves the connection open. */
  readonly requestText: (number: number) => string;
  /** Told of every connection over which such requests come. */
  readonly onConnection: (socket: Socket) => void;
}

/** Also on a slow machine: the first request is the one that costs. */
const LEAST = 2;
/** The first request over a connection takes its own way through the code. */
const REQUESTS_PER_CONNECTION = 20;
/** As API servers send long bodies. */
const PIECE_LENGTH = 4096;
/** A server that does not answer itself must start all the same. */
const GIVE_UP_MS = 5_000;

/**
 * Has a handler answer requests over real connections within this process, one after another, so that the code that
 * answers has run when the first caller comes. They arrive at a loopback port of their own: nobody else knows it, and it
 * asks for no client certificate.
 *
 * @throws AbortError when there is no answer within five seconds
 */
export async function rehearse(options: RehearsalOptions): Promise<void> {
  const { secureContext, handler, requestText, onConnection, requests, withinMs } = options;
  const signal = AbortSignal.timeout(GIVE_UP_MS);
  const stage = createServer({ ...secureContext, ALPNProtocols: ['http/1.1'] }, handler);
  stage.on('secureConnection', onConnection);
  let client: TLSSocket | undefined;
  try {
    stage.listen({ host: '127.0.0.1', port: 0 });
    await once(stage, 'listening', { signal });
    const { port } = stage.address() as AddressInfo; // it listens on TCP
    const untilMs = performance.now() + withinMs;
    for (let sent = 0; sent < requests && (sent < LEAST || performance.now() < untilMs); sent += 1) {
      if (client === undefined || sent % REQUESTS_PER_CONNECTION === 0) {
        client?.destroy();
        client = await connectTo(port, signal);
      }
      const text = requestText(sent);
      for (let at = 0; at < text.length; at += PIECE_LENGTH) client.write(text.slice(at, at + PIECE_LENGTH));
      await once(client, 'data', { signal });
    }
  } finally {
    client?.destroy();
    stage.close();
    stage.closeAllConnections();
  }
}

async function connectTo(port: number, signal: AbortSignal): Promise<TLSSocket> {
  // There is nobody between the two ends whom a check of the certificate could find.
  const client = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  client.setNoDelay(); // the second piece would wait until the first is acknowledged
  client.on('error', () => {}); // told to whoever waits; later it is of no interest
  await once(client, 'secureConnect', { signal });
  return client;
}
