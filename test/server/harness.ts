import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTcp } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { Verdict } from '../../src/admission/verdict.ts';
import type { CertificateListener, CertificateSource, ServingCertificate } from '../../src/certs/certificate-source.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { AdmissionServerOptions } from '../../src/server/admission-server.ts';
import { AdmissionServer } from '../../src/server/admission-server.ts';
import type { AdmissionRequest } from '../../src/wire/admission-review.ts';
import { aPair } from '../certs/pairs.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';

/** Offers what it is given. */
class FakeCertificateSource implements CertificateSource {
  readonly #listeners: CertificateListener[] = [];
  #current: ServingCertificate;

  constructor(current: ServingCertificate) {
    this.#current = current;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  current(): ServingCertificate {
    return this.#current;
  }

  onChange(listener: CertificateListener): void {
    this.#listeners.push(listener);
  }

  problem(): undefined {
    return undefined;
  }

  replace(certificate: ServingCertificate): void {
    this.#current = certificate;
    for (const listener of this.#listeners) listener(certificate);
  }
}

/** Allows everything, and keeps what it was asked. */
export class FakeReviewer {
  readonly asked: { readonly request: AdmissionRequest; readonly late: boolean }[] = [];
  /** While it is set, reviews wait as for a namespace. */
  wait: (() => Promise<void>) | undefined;
  /** What the answer says besides. */
  verdict: Partial<Verdict> = {};

  needsNamespace(_request: AdmissionRequest): boolean {
    return this.wait !== undefined;
  }

  waitForNamespace(_request: AdmissionRequest): Promise<void> {
    return this.wait?.() ?? Promise.resolve();
  }

  review(request: AdmissionRequest, { late }: { readonly late: boolean }): Verdict {
    this.asked.push({ request, late });
    return {
      uid: request.uid,
      allowed: true,
      outcome: late ? 'Late' : 'NoMatch',
      reason: '',
      patch: [],
      warnings: [],
      auditAnnotations: {},
      message: '',
      decision: undefined,
      failure: undefined,
      ...this.verdict,
    };
  }
}

/** A server on a port of its own, closed after the test. */
export async function aServer(options: Partial<AdmissionServerOptions> = {}) {
  const pair = await aPair();
  const reviewer = new FakeReviewer();
  const logger = new RecordingLogger();
  const certificates = new FakeCertificateSource(pair);
  const observed: { readonly outcome: Outcome; readonly seconds: number }[] = [];
  const metrics = {
    observeReview: (outcome: Outcome, seconds: number): void => {
      observed.push({ outcome, seconds });
    },
  };
  const server = new AdmissionServer({ reviewer, certificates, metrics, logger, ...options });
  onTestFinished(() => server.close());
  await server.start({ host: '127.0.0.1', port: 0 });
  const { port } = server.address();
  return { server, port, ca: pair.caPem, reviewer, logger, certificates, observed };
}

/** Whom to ask, and what. */
export interface Call {
  readonly port: number;
  readonly ca?: string;
  readonly method?: string;
  readonly path?: string;
  /** Over the usual ones; `undefined` takes one away. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Buffer;
  readonly agent?: Agent;
  readonly tls?: ConnectionOptions;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body, if it is JSON. */
  readonly json: unknown;
  /** SHA-256 of the certificate the server showed. */
  readonly certificate: string;
  /** The local port: two replies with the same one came over the same connection. */
  readonly localPort: number;
}

/** A review of a pod that everybody accepts. */
export const REVIEW = JSON.stringify({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'a-uid',
    resource: { group: '', version: 'v1', resource: 'pods' },
    namespace: 'web',
    name: 'web-1',
    operation: 'CREATE',
    object: { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: { containers: [{ name: 'a', image: 'nginx' }] } },
  },
});

/** Posts a review, unless the call says otherwise; over a connection of its own unless there is an agent. */
export function call({ port, ca, method = 'POST', path = '/mutate', headers, body = REVIEW, agent, tls }: Call) {
  return new Promise<Reply>((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      method,
      path,
      agent: agent ?? new Agent({ keepAlive: false }),
      headers: headersFor(method, body, headers),
      ...(ca === undefined ? {} : { ca }),
      ...tls,
    };
    const outgoing = request(options, (response) => {
      // The agent makes TLS connections only.
      const socket = response.socket as TLSSocket;
      const certificate = fingerprintOf(socket.getPeerCertificate().raw);
      const { localPort = 0 } = socket;
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const { statusCode: status = 0, headers } = response;
        const isJson = headers['content-type'] === 'application/json' && text !== '';
        resolve({ status, headers, text, json: isJson ? JSON.parse(text) : undefined, certificate, localPort });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(hasBody(method) ? body : undefined);
  });
}

function headersFor(method: string, body: string | Buffer, headers: Call['headers']): Record<string, string> {
  const length = headers?.['transfer-encoding'] === undefined ? String(Buffer.byteLength(body)) : undefined;
  const all = {
    'content-type': 'application/json',
    'content-length': hasBody(method) ? length : undefined,
    ...headers,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function hasBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** Keeps that many connections until the test is over. No TLS sessions: a resumed one shows no certificate. */
export function anAgent(maxSockets: number): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets, maxCachedSessions: 0 });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** Compares with `Reply.certificate`. */
export function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

/** A connection by hand: what is written goes out as it is, what comes is kept. */
export class RawConnection {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  /** Resolves when the connection is over, however it ended. */
  readonly closed: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => resolve());
    });
    onTestFinished(() => {
      socket.destroy();
    });
  }

  /** TLS over TCP; `tcp` is what lies below. */
  static async secure(port: number, ca: string, options: ConnectionOptions = {}) {
    const tcp = connectTcp({ host: '127.0.0.1', port });
    tcp.on('error', () => {});
    const socket = connectTls({ socket: tcp, ca, host: '127.0.0.1', ...options });
    const connection = new RawConnection(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', () => resolve());
      socket.once('error', reject);
    });
    return Object.assign(connection, { tcp });
  }

  static plain(port: number): RawConnection {
    return new RawConnection(connectTcp({ host: '127.0.0.1', port }));
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  write(text: string): void {
    if (this.socket.writable) this.socket.write(text);
  }

  /** Sends a text letter by letter, until it is through or the connection is over. */
  async drip(text: string, everyMs: number): Promise<void> {
    for (const letter of text) {
      if (this.socket.destroyed) return;
      this.write(letter);
      await new Promise((resolve) => {
        setTimeout(resolve, everyMs);
      });
    }
  }
}

/** The head of a review, with the length of its body. */
export function head(length: number, more: readonly string[] = []): string {
  const lines = [
    'POST /mutate HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    `Content-Length: ${length}`,
  ];
  return [...lines, ...more, '', ''].join('\r\n');
}
