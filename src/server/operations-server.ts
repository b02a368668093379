import { createServer } from 'node:http';
import type { Logger } from '../telemetry/logger.ts';
import type { Address } from './http-listener.ts';
import { HttpListener } from './http-listener.ts';
import type { Readiness, ReadinessReport } from './readiness.ts';

export interface OperationsServerOptions {
  readonly readiness: Pick<Readiness, 'report'>;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly logger: Logger;
}

const READ_ONLY = 'GET, HEAD';

/** The paths of this server, with the methods they allow. */
const PATHS = new Map([
  ['/livez', READ_ONLY],
  ['/readyz', READ_ONLY],
  ['/metrics', READ_ONLY],
]);

/** Nothing here reads a body. */
const BODY_LIMIT_BYTES = 1024;

/** Whom the server is for if nobody says: this machine. */
const LOOPBACK = '127.0.0.1';

/** Plain HTTP for probes and metrics, apart from the reviews: `/livez`, `/readyz`, `/metrics` (spec S2, S8). */
export class OperationsServer {
  readonly #listener: HttpListener;

  constructor({ readiness, metrics, logger }: OperationsServerOptions) {
    this.#listener = new HttpListener({
      server: createServer({ headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 5_000 }),
      logger: logger.child({ component: 'operations' }),
      allowedMethods: PATHS,
      flags: { host: '--admin-host', port: '--admin-port' },
      bodyLimitBytes: BODY_LIMIT_BYTES,
      inFlightMs: 0,
    });
    const { app } = this.#listener;
    app.get('/livez', (_request, reply) => {
      reply.send('ok\n');
    });
    app.get('/readyz', ({ url }, reply) => {
      const report = readiness.report();
      const isVerbose = new URLSearchParams(url.split('?')[1]).has('verbose');
      reply.code(report.isReady ? 200 : 503).send(report.isReady && !isVerbose ? 'ok\n' : formatReport(report));
    });
    app.get('/metrics', async (_request, reply) => {
      const text = await metrics.text();
      reply.type(metrics.contentType).send(text);
    });
  }

  /**
   * Starts to listen, for this machine only unless a host is given.
   *
   * @throws ListenError when the address is not to be had.
   */
  start({ host = LOOPBACK, port }: { readonly host?: string | undefined; readonly port: number }): Promise<void> {
    return this.#listener.listen({ host, port });
  }

  /** Where it listens; the port is the real one if 0 was asked for. */
  address(): Address {
    return this.#listener.address();
  }

  /** Closes everything at once. */
  close(): Promise<void> {
    return this.#listener.close();
  }
}

/** A line for each check and each problem, then the sum, as the API server's own `/readyz?verbose` does. */
function formatReport({ isReady, checks, problems }: ReadinessReport): string {
  return [
    ...checks.map(({ name, passed, detail }) => (passed ? `[+] ${name}` : `[-] ${name}: ${detail}`)),
    ...problems.map((problem) => `[!] ${problem.replace(/\s+/g, ' ')}`),
    isReady ? 'ok' : 'not ready',
    '',
  ].join('\n');
}
