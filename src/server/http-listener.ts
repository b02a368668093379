import type { OutgoingHttpHeaders, Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Fastify, { LogController } from 'fastify';
import type { Logger } from '../telemetry/logger.ts';
import type { AddressFlags } from './listen-error.ts';
import { ListenError } from './listen-error.ts';
import type { Refusal } from './refusal.ts';
import { formatRawRefusal, refuse } from './refusal.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** When the head of the request was there, by `performance.now()`. */
    arrivedAtMs: number;
  }
}

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface HttpListenerOptions {
  /** Nobody listens to its requests yet. */
  readonly server: Server;
  readonly logger: Logger;
  /** The paths there are, with what each allows, for 404 and 405. */
  readonly allowedMethods: ReadonlyMap<string, string>;
  readonly flags: AddressFlags;
  readonly bodyLimitBytes: number;
  /** How long a request that was there before the end of a drain may take. */
  readonly inFlightMs: number;
}

/** `refusing` is the end of a drain: what is in flight gets finished, nothing else is begun. */
type Phase = 'serving' | 'draining' | 'refusing';

/** A client that does not read cannot keep a connection that was given up. */
const GOODBYE_MS = 1_000;

/**
 * A Fastify application and its listening socket: every refusal is a `Status` object (spec A4), nobody is turned away
 * while draining, and no connection outlives the stop (spec S3).
 */
export class HttpListener {
  readonly app: FastifyInstance;
  readonly #server: Server;
  readonly #logger: Logger;
  readonly #allowedMethods: ReadonlyMap<string, string>;
  readonly #flags: AddressFlags;
  readonly #bodyLimitBytes: number;
  readonly #inFlightMs: number;
  /** Every connection; the HTTP server does not know those in their handshake. */
  readonly #sockets = new Set<Socket>();
  readonly #closeNow = new AbortController();
  #phase: Phase = 'serving';
  #stopped: Promise<void> | undefined;

  constructor({ server, logger, allowedMethods, flags, bodyLimitBytes, inFlightMs }: HttpListenerOptions) {
    this.#server = server;
    this.#logger = logger;
    this.#allowedMethods = allowedMethods;
    this.#flags = flags;
    this.#bodyLimitBytes = bodyLimitBytes;
    this.#inFlightMs = inFlightMs;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.app = this.#createApp();
  }

  /** @throws ListenError when the address is not to be had. */
  async listen({ host, port }: Address): Promise<void> {
    await this.app.ready();
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error): void => reject(ListenError.from(cause, { host, port }, this.#flags));
      this.#server.once('error', failed);
      // Not through Fastify: for `localhost` it opens further servers, which would never hear of a new certificate.
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', failed);
        // Out of file descriptors, for instance: that must not end the program.
        this.#server.on('error', (error) => this.#logger.error({ err: error }, 'connection not accepted'));
        resolve();
      });
    });
  }

  /** Where it listens; the port is the real one if 0 was asked for. */
  address(): Address {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server is not listening');
    return { host: address.address, port: address.port };
  }

  /**
   * Goes on accepting and answering for a while, with `Connection: close` on every answer, so that callers move away
   * without losing a call; then finishes what is in flight, and closes (spec S3).
   */
  drain(drainSeconds: number): Promise<void> {
    this.#stopped ??= this.#drain(drainSeconds);
    return this.#stopped;
  }

  /** Closes everything at once; a drain under way is cut short. */
  close(): Promise<void> {
    this.#closeNow.abort();
    return this.drain(0);
  }

  /** Answers with JSON, past Fastify: head and body as one text leave in one TLS record, at half the cost of two. */
  answer(reply: FastifyReply, json: string, extraHeaders?: OutgoingHttpHeaders): void {
    reply.hijack();
    const bytes = Buffer.byteLength(json);
    const headers: OutgoingHttpHeaders = {
      ...extraHeaders,
      'content-type': 'application/json',
      'content-length': bytes,
    };
    if (this.#isClosing) headers['connection'] = 'close';
    reply.raw.writeHead(200, headers);
    // ASCII can be written as it is, without being turned into UTF-8.
    reply.raw.end(json, bytes === json.length ? 'latin1' : 'utf8');
  }

  /** Answers with a refusal, and logs it. */
  refuse(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): void {
    reply.hijack();
    const { method, url } = request;
    const { code, message: reason } = refusal;
    const level = code === 404 || code === 405 ? 'debug' : 'warn';
    this.#logger[level]({ code, reason, method, url: url.slice(0, 200), remote: request.ip }, 'refused');
    refuse(request.raw, reply.raw, refusal, this.#isClosing);
  }

  /** Whether an answer has to end its connection. */
  get #isClosing(): boolean {
    return this.#phase !== 'serving';
  }

  async #drain(drainSeconds: number): Promise<void> {
    this.#phase = 'draining';
    await this.#sleep(drainSeconds * 1000);
    this.#phase = 'refusing';
    // No more connections, and the idle ones end; the others end with their answers.
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    await Promise.race([closed, this.#sleep(this.#inFlightMs)]);
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#closeNow.abort();
    await this.app.close();
  }

  async #sleep(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#closeNow.signal }).catch(() => {});
  }

  #createApp(): FastifyInstance {
    const app = Fastify<Server>({
      serverFactory: (handler) => this.#server.on('request', handler),
      logController: new LogController({ disableRequestLogging: true }),
      bodyLimit: this.#bodyLimitBytes,
      frameworkErrors: (error, request, reply) => this.refuse(request, reply, { code: 400, message: error.message }),
      clientErrorHandler: (error, socket) => this.#endConnection(error, socket),
    });
    app.removeAllContentTypeParsers();
    app.decorateRequest('arrivedAtMs', 0);
    app.addHook('onRequest', (request, reply, done) => {
      request.arrivedAtMs = performance.now();
      if (this.#phase !== 'refusing') done();
      else this.refuse(request, reply, { code: 503, message: 'shutting down: try again', retryAfterSeconds: 1 });
    });
    app.setNotFoundHandler((request, reply) => this.refuse(request, reply, this.#refusalOfRoute(request)));
    app.setErrorHandler((error, request, reply) => this.#fail(error, request, reply));
    return app;
  }

  #refusalOfRoute({ method, url }: FastifyRequest): Refusal {
    const [path = ''] = url.split('?', 1);
    const allow = this.#allowedMethods.get(path);
    if (allow !== undefined) return { code: 405, message: `${method} is not for ${path}: use ${allow}`, allow };
    const paths = [...this.#allowedMethods.keys()].join(', ');
    return { code: 404, message: `there is nothing at this path: there is only ${paths}` };
  }

  #fail(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    // The client went away in the middle of its body: there is nobody to answer.
    if (request.raw.socket.destroyed) {
      reply.hijack();
      this.#logger.debug({ err: error, remote: request.ip }, 'client went away');
      return;
    }
    this.refuse(request, reply, this.#refusalOf(error));
  }

  #refusalOf(error: unknown): Refusal {
    const { code, statusCode, message } = error instanceof Error ? (error as Partial<HttpError> & Error) : NO_DETAILS;
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
      return { code: 413, message: `the body is larger than ${this.#bodyLimitBytes} bytes` };
    }
    if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
      return { code: 415, message: 'expected Content-Type: application/json' };
    }
    if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return { code: 400, message };
    this.#logger.error({ err: error }, 'unexpected failure');
    return { code: 500, message: 'unexpected failure: see the log of the webhook' };
  }

  /** What the HTTP parser, its time limits, or the TLS handshake ended. None of it can be left open (spec A4). */
  #endConnection(error: Error & { code?: string }, socket: Socket): void {
    const { code = '' } = error;
    const refusal = refusalOfParser(code);
    // Failed handshakes show a caller that does not trust our CA, or has no certificate that we trust.
    this.#logger[code.startsWith('ERR_SSL') ? 'warn' : 'debug'](
      { code, reason: error.message, remote: socket.remoteAddress },
      'connection ended',
    );
    if (refusal === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    socket.setTimeout(GOODBYE_MS, () => socket.destroy());
    socket.write(formatRawRefusal(refusal));
    socket.destroySoon();
  }
}

/** What Fastify's own errors carry. */
interface HttpError {
  readonly code: string;
  readonly statusCode: number;
}

const NO_DETAILS = { code: undefined, statusCode: undefined, message: '' };

/** What to say before the connection ends; nothing to a client that ended it, or never finished its handshake. */
function refusalOfParser(code: string): Refusal | undefined {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { code: 408, message: 'the request did not arrive in time' };
  if (code === 'HPE_HEADER_OVERFLOW') return { code: 431, message: 'the headers are too large' };
  if (code === 'HPE_INVALID_EOF_STATE') return undefined;
  return code.startsWith('HPE_') ? { code: 400, message: 'this is no HTTP/1.1 request' } : undefined;
}
