import { readFile } from 'node:fs/promises';
import type { JsonObject } from '../wire/json.ts';
import { textMember } from '../wire/json.ts';
import { unreadable } from './file-problem.ts';
import { UsageError } from './terminal.ts';

/** Answers to reviews by a webhook that is running somewhere. */
export interface ReviewClient {
  /** The response body, and why a review was skipped where the server says so. */
  send(review: JsonObject): Promise<{ readonly body: string; readonly reason: string }>;
  close(): Promise<void>;
}

/** Header in which our server repeats why it skipped a review: a response itself has no room for it. */
const REASON_HEADER = 'imc-reason';

/**
 * Connects to a webhook over TLS, as the API server would.
 *
 * @param server - `https://host:port`, with the path if it is not `/mutate`.
 * @param caFile - CA that the server's certificate must come from; the system's when undefined.
 * @throws UsageError for an address that is none and a CA file that cannot be read.
 */
export async function connectReviewClient(server: string, caFile: string | undefined): Promise<ReviewClient> {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined || url.protocol !== 'https:') {
    throw new UsageError(`--server ${server}: expected an address such as https://localhost:8443`);
  }
  if (url.pathname === '/') url.pathname = '/mutate';
  const ca =
    caFile === undefined
      ? undefined
      : await readFile(caFile).catch((cause: unknown) => {
          throw unreadable(caFile, cause);
        });
  // Few commands send requests; the others need not wait until it is loaded.
  const { Agent } = await import('undici');
  const agent = new Agent({ connect: ca === undefined ? {} : { ca }, headersTimeout: 30_000, bodyTimeout: 30_000 });
  return {
    send: async (review) => {
      const response = await agent
        .request({
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(review),
        })
        .catch((cause: unknown) => {
          throw new UsageError(`${url.href}: ${connectionProblem(cause, caFile)}`, { cause });
        });
      const body = await response.body.text();
      if (response.statusCode !== 200) {
        throw new UsageError(`${url.href} answered ${response.statusCode}: ${statusMessage(body)}`);
      }
      const reason = response.headers[REASON_HEADER];
      return { body, reason: typeof reason === 'string' ? reason : '' };
    },
    close: () => agent.close(),
  };
}

function connectionProblem(cause: unknown, caFile: string | undefined): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const message = cause instanceof Error ? cause.message || code : String(cause);
  if (/CERT|SIGNATURE|ISSUER/.test(code)) {
    const hint = caFile === undefined ? 'give the CA with --ca-file' : `check that ${caFile} is the CA of this server`;
    return `its certificate is not trusted (${message}); ${hint}`;
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO') {
    return 'what listens there does not speak TLS; check the port (the admin port is plain HTTP)';
  }
  if (code === 'ECONNREFUSED') return 'nothing listens there; check the address and that the server runs';
  return `cannot be reached (${message.split('\n')[0]}); check the address`;
}

function statusMessage(body: string): string {
  try {
    const status: unknown = JSON.parse(body);
    return textMember(status, 'message') || textMember(status, 'reason') || body.slice(0, 200);
  } catch {
    return body.slice(0, 200);
  }
}
