import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import { finished } from 'node:stream';

/** Why a request gets no answer to what it asked (spec A4). */
export interface Refusal {
  readonly code: 400 | 404 | 405 | 408 | 413 | 415 | 431 | 500 | 503;
  /** What is wrong and what to do. */
  readonly message: string;
  /** The field of the review that is wrong, if one is. */
  readonly field?: string;
  /** For 405: what the path allows. */
  readonly allow?: string;
  /** For 503: when to come again. The API server waits that long, so never more than 1 (spec S3). */
  readonly retryAfterSeconds?: 1;
}

/** The words Kubernetes has for these codes. */
const REASONS: Readonly<Record<Refusal['code'], string>> = {
  400: 'BadRequest',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'Timeout',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  431: 'BadRequest',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

/** What is left of a refused body is read and thrown away this long at most. */
const LINGER_MS = 2_000;

/**
 * Refuses a request. A client that is still sending its body would miss the answer if the connection closed at once
 * (it sees a reset), so the rest of the body is read first, for a while.
 *
 * @param close - whether the connection ends with this answer; it always does when the body is not through.
 */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal, close: boolean): void {
  if (response.headersSent || response.destroyed) return;
  const body = formatStatus(refusal);
  const isSending = !request.complete && hasBody(request);
  const headers: OutgoingHttpHeaders = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  if (refusal.allow !== undefined) headers['allow'] = refusal.allow;
  if (refusal.retryAfterSeconds !== undefined) headers['retry-after'] = String(refusal.retryAfterSeconds);
  if (close || isSending) headers['connection'] = 'close';
  response.writeHead(refusal.code, headers);
  if (!isSending) {
    response.end(body);
    return;
  }
  response.write(body);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS).unref();
  finished(request, { writable: false }, end);
  request.resume();
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** A refusal as it goes over the wire, for connections whose request could not be parsed. It ends the connection. */
export function formatRawRefusal(refusal: Refusal): string {
  const body = formatStatus(refusal);
  return [
    `HTTP/1.1 ${refusal.code} ${STATUS_CODES[refusal.code]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/** A refusal as a `Status` object, in the words of the Kubernetes API. */
function formatStatus({ code, message, field, retryAfterSeconds }: Refusal): string {
  const causes = field === undefined ? undefined : [{ reason: 'FieldValueInvalid', message, field }];
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: REASONS[code],
    ...(causes === undefined && retryAfterSeconds === undefined ? {} : { details: { causes, retryAfterSeconds } }),
    code,
  });
}
