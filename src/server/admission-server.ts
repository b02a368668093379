import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { encodeAdmissionReview } from '../admission/admission-response.ts';
import type { AdmissionReviewer } from '../admission/reviewer.ts';
import type { Verdict } from '../admission/verdict.ts';
import type { CertificateSource, ServingCertificate } from '../certs/certificate-source.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AdmissionRequest } from '../wire/admission-review.ts';
import { decodeAdmissionReview, MalformedReviewError } from '../wire/admission-review.ts';
import { parseGoDuration } from './go-duration.ts';
import type { Address } from './http-listener.ts';
import { HttpListener } from './http-listener.ts';
import type { RehearsalLimits } from './rehearsal.ts';
import { rehearse } from './rehearsal.ts';

export interface AdmissionServerOptions {
  readonly reviewer: Pick<AdmissionReviewer, 'needsNamespace' | 'waitForNamespace' | 'review'>;
  /** Already started. */
  readonly certificates: CertificateSource;
  readonly metrics: { observeReview(outcome: Outcome, seconds: number): void };
  readonly logger: Logger;
  /** Only callers with a certificate of this CA are served, if it is given (spec S1). */
  readonly clientCaPem?: string | undefined;
  /** Told of every answer after it was sent; whatever it does, the answer stands. */
  readonly onReviewed?: ((request: AdmissionRequest, verdict: Verdict) => void) | undefined;
  /** For tests; the defaults are what the API server needs. */
  readonly limits?: Partial<ConnectionLimits>;
}

/** Who answers a review, and who hears of it. */
type Cast = Pick<AdmissionServerOptions, 'reviewer' | 'metrics' | 'onReviewed'> & { readonly logger: Logger };

/** Reviews that nobody has asked for, and who answers them: nothing of it is seen outside. */
export interface Rehearsal extends Cast {
  /** The review of this number, as JSON. */
  readonly review: (number: number) => string;
}

/** How long a connection may take for what. */
export interface ConnectionLimits {
  readonly handshakeMs: number;
  readonly headersMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** How often the limits on headers and requests are looked at. */
  readonly checkEveryMs: number;
  /** What is left of a request at the end of a drain. */
  readonly inFlightMs: number;
}

/** Why a review was skipped, for `imc review --server`: a response has no room for it, and the API server ignores it. */
const REASON_HEADER = 'imc-reason';

/** The path the API server calls. */
const REVIEW_PATH = '/mutate';

/** The API server escapes `<`, `>` and `&`: a pod that it accepts can become a review of 19 MB (spec A4). */
const BODY_LIMIT_BYTES = 20 * 1024 * 1024;

/** A decision later than this part of the deadline would not reach the API server in time (spec M13). */
const LATE_AFTER = 0.9;

/** More makes the first review slower, not faster: what V8 has optimized for one use it has to undo for the next. */
const REHEARSAL: RehearsalLimits = { requests: 40, withinMs: 400 };

const LIMITS: ConnectionLimits = {
  handshakeMs: 10_000,
  // A head is one packet; who needs longer is no API server.
  headersMs: 20_000,
  // The API server gives a review 30 s at most, others may be slower: 20 MB pass at 1.4 Mbit/s. And it is no longer than
  // an idle connection may be held anyway.
  requestMs: 120_000,
  // The API server closes idle connections after 90 s, and loses calls when we are first (spec S1).
  keepAliveMs: 125_000,
  checkEveryMs: 5_000,
  inFlightMs: 5_000,
};

/** Answers AdmissionReviews over HTTPS: `POST /mutate` (spec A1 to A7, S1). */
export class AdmissionServer {
  readonly #cast: Cast;
  readonly #certificates: CertificateSource;
  readonly #logger: Logger;
  readonly #clientCaPem: string | undefined;
  readonly #server: ReturnType<typeof createServer>;
  readonly #listener: HttpListener;
  /** While one goes on: the connections over which it comes, and who answers there. */
  #rehearsal: { readonly sockets: WeakSet<Socket>; readonly cast: Cast } | undefined;

  constructor(options: AdmissionServerOptions) {
    const { reviewer, certificates, metrics, clientCaPem, onReviewed, limits } = options;
    const logger = options.logger.child({ component: 'admission' });
    this.#cast = { reviewer, metrics, logger, onReviewed };
    this.#certificates = certificates;
    this.#logger = logger;
    this.#clientCaPem = clientCaPem;
    const { handshakeMs, headersMs, requestMs, keepAliveMs, checkEveryMs, inFlightMs } = { ...LIMITS, ...limits };
    this.#server = createServer({
      ALPNProtocols: ['http/1.1'],
      ...(clientCaPem === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
      handshakeTimeout: handshakeMs,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: checkEveryMs,
    });
    this.#listener = new HttpListener({
      server: this.#server,
      logger: this.#logger,
      allowedMethods: new Map([[REVIEW_PATH, 'POST']]),
      flags: { host: '--host', port: '--port' },
      bodyLimitBytes: BODY_LIMIT_BYTES,
      inFlightMs,
    });
    const { app } = this.#listener;
    // The buffer is parsed here rather than by Fastify, whose parser refuses keys such as `__proto__` (spec A7).
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    app.post(REVIEW_PATH, (request, reply) => this.#mutate(request, reply));
  }

  /**
   * Starts to listen, with the certificate there is.
   *
   * @throws ListenError when the address is not to be had.
   */
  async start(address: Address): Promise<void> {
    this.#server.setSecureContext(this.#secureContext(this.#certificates.current()));
    this.#certificates.onChange((certificate) => this.#swapCertificate(certificate));
    await this.#listener.listen(address);
  }

  /**
   * Reviews what nobody has asked for, over connections of its own, so that the first caller does not meet cold code: it
   * takes twenty times as long for the first review as for the thousandth. Failures are logged. Call it after `start` and
   * before anybody is sent here; who comes all the same is answered as ever.
   */
  async rehearse(prepare: () => Rehearsal): Promise<void> {
    try {
      const { review, ...cast } = prepare();
      const sockets = new WeakSet<Socket>();
      this.#rehearsal = { sockets, cast };
      await rehearse({
        ...REHEARSAL,
        secureContext: this.#secureContext(this.#certificates.current()),
        handler: (request, response) => this.#server.emit('request', request, response),
        requestText: (number) => requestText(review(number)),
        onConnection: (socket) => sockets.add(socket),
      });
    } catch (err) {
      this.#logger.warn({ err }, 'rehearsal failed; the first reviews may take longer');
    } finally {
      this.#rehearsal = undefined;
    }
  }

  /** Where it listens; the port is the real one if 0 was asked for. */
  address(): Address {
    return this.#listener.address();
  }

  /**
   * Serves on for `drainSeconds` while every answer ends its connection, then finishes what is in flight and closes;
   * resolves when no connection is left (spec S3). A second call returns the same promise.
   */
  drain(drainSeconds: number): Promise<void> {
    return this.#listener.drain(drainSeconds);
  }

  /** Closes everything at once, for a second signal; a drain under way resolves too. */
  close(): Promise<void> {
    return this.#listener.close();
  }

  /** Connections that are open keep the old certificate; new ones get the new one (spec S1). */
  #swapCertificate(certificate: ServingCertificate): void {
    try {
      this.#server.setSecureContext(this.#secureContext(certificate));
    } catch (error) {
      this.#logger.error({ err: error }, 'certificate not taken, the old one stays');
    }
  }

  #secureContext({ certPem, keyPem }: ServingCertificate): SecureContextOptions {
    const ca = this.#clientCaPem === undefined ? {} : { ca: this.#clientCaPem };
    return { cert: certPem, key: keyPem, minVersion: 'TLSv1.2', ...ca };
  }

  #castFor({ raw }: FastifyRequest): Cast {
    return this.#rehearsal?.sockets.has(raw.socket) === true ? this.#rehearsal.cast : this.#cast;
  }

  async #mutate(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { body } = request;
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (!(body instanceof Buffer) || encoding.toLowerCase() !== 'identity') {
      const expected = body instanceof Buffer ? 'no Content-Encoding' : 'Content-Type: application/json';
      this.#listener.refuse(request, reply, { code: 415, message: `expected ${expected}` });
      return;
    }

    const cast = this.#castFor(request);
    let json: unknown;
    let review: AdmissionRequest | undefined;
    try {
      json = parseJson(body);
      review = decodeAdmissionReview(json);
      const { reviewer } = cast;
      if (reviewer.needsNamespace(review)) await reviewer.waitForNamespace(review);
      const verdict = reviewer.review(review, { late: isLate(request) });
      this.#send(request, reply, { cast, review, verdict });
    } catch (failure) {
      if (failure instanceof MalformedReviewError) {
        const { message, field } = failure;
        this.#listener.refuse(request, reply, { code: 400, message, ...(field === '' ? {} : { field }) });
        return;
      }
      // Not a reason to stop a pod, as long as it is known which one (spec A5).
      const uid = review?.uid ?? uidOf(json);
      if (uid === undefined || reply.sent) throw failure;
      this.#send(request, reply, { cast, review, verdict: unexpected(uid, failure) });
    }
  }

  #send(request: FastifyRequest, reply: FastifyReply, { cast, review, verdict }: Reviewed): void {
    const answer = encodeAdmissionReview(verdict);
    const seconds = (performance.now() - request.arrivedAtMs) / 1000;
    this.#listener.answer(
      reply,
      answer,
      verdict.outcome === 'Skipped' ? { [REASON_HEADER]: verdict.reason } : undefined,
    );
    const { metrics, logger, onReviewed } = cast;
    metrics.observeReview(verdict.outcome, seconds);
    log(logger, review, verdict, seconds);
    if (review === undefined) return;
    try {
      onReviewed?.(review, verdict);
    } catch (err) {
      logger.error({ uid: review.uid, err }, 'what was to follow a review failed');
    }
  }
}

interface Reviewed {
  readonly cast: Cast;
  /** Undefined if it could not be read to its end. */
  readonly review: AdmissionRequest | undefined;
  readonly verdict: Verdict;
}

function log(logger: Logger, review: AdmissionRequest | undefined, verdict: Verdict, seconds: number): void {
  const { uid, outcome, reason, decision, failure } = verdict;
  const fields = {
    uid,
    namespace: review?.namespace,
    pod: review === undefined ? undefined : review.name || review.generateName,
    outcome,
    reason: reason === '' ? undefined : reason,
    imageCache: decision?.because.cache?.name,
    durationMs: Math.round(seconds * 1e6) / 1e3,
  };
  if (outcome === 'Error') logger.error({ ...fields, err: failure }, 'reviewed');
  else logger.info(fields, 'reviewed');
}

/** As the API server would send it. */
function requestText(review: string): string {
  const head = [
    `POST ${REVIEW_PATH}?timeout=3s HTTP/1.1`,
    'Host: rehearsal',
    'Accept: application/json, */*',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(review)}`,
  ];
  return `${head.join('\r\n')}\r\n\r\n${review}`;
}

/** @throws MalformedReviewError without a word of the body, which may hold secrets. */
function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    const position = /at position \d+/.exec(cause instanceof Error ? cause.message : '')?.[0];
    throw new MalformedReviewError('', `the body is not JSON: ${position ?? 'it ends too early'}`);
  }
}

/** Whether the deadline of a review, which the API server writes into the query, is about to pass (spec M13). */
function isLate({ query, arrivedAtMs }: FastifyRequest): boolean {
  // Fastify has parsed the query into an object of texts, or lists of texts.
  const { timeout } = query as { readonly timeout?: unknown };
  const deadlineMs = typeof timeout === 'string' ? parseGoDuration(timeout) : undefined;
  return deadlineMs !== undefined && performance.now() - arrivedAtMs >= deadlineMs * LATE_AFTER;
}

function uidOf(json: unknown): string | undefined {
  // Optional chaining is all there is to know about a body of any shape.
  const uid = (json as { readonly request?: { readonly uid?: unknown } | null } | null)?.request?.uid;
  return typeof uid === 'string' && uid !== '' ? uid : undefined;
}

function unexpected(uid: string, failure: unknown): Verdict {
  return {
    uid,
    allowed: true,
    outcome: 'Error',
    reason: failure instanceof Error ? failure.message : String(failure),
    patch: [],
    warnings: [],
    auditAnnotations: { outcome: 'Error' },
    message: '',
    decision: undefined,
    failure,
  };
}
