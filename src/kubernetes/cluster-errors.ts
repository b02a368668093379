/** The API server cannot be asked at all: no connection, no trust, no credentials. The message says what to do. */
export class ClusterUnavailableError extends Error {
  readonly code = 'ERR_CLUSTER_UNAVAILABLE';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ClusterUnavailableError';
  }
}

/** A kubeconfig that cannot be used. The message names the file, what is wrong and what to do. */
export class KubeconfigError extends Error {
  readonly code = 'ERR_KUBECONFIG_INVALID';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KubeconfigError';
  }
}

/** What an API server said instead of doing what it was asked. */
export interface StatusAnswer {
  /** HTTP status, such as 404. In a watch the code of the Status object. */
  readonly status: number;
  /** Kubernetes' word for it, such as `NotFound` or `Expired`; empty if the answer had none. */
  readonly reason: string;
  /** The server's own sentence. */
  readonly statusMessage: string;
  /** After how many seconds to try again, where the server says so. */
  readonly retryAfterSeconds: number | undefined;
}

/** The API server answered and did not do it. Look at `status` (403, 404, 409, 410, 422, 429, …) to tell why. */
export class ApiStatusError extends Error implements StatusAnswer {
  readonly code = 'ERR_API_STATUS';
  readonly status: number;
  readonly reason: string;
  readonly statusMessage: string;
  readonly retryAfterSeconds: number | undefined;
  /** Texts of the Warning headers, as kubectl would print them. */
  readonly warnings: readonly string[];

  /** @param request - method and path of the request, for the message. */
  constructor(
    request: string,
    { status, reason, statusMessage, retryAfterSeconds }: StatusAnswer,
    warnings: readonly string[] = [],
  ) {
    const said = [statusMessage, HINTS.get(status)].filter((part) => part !== undefined && part !== '').join('; ');
    super(`${request}: the API server answered ${[status, reason].filter(Boolean).join(' ')}${said && `: ${said}`}`);
    this.name = 'ApiStatusError';
    this.status = status;
    this.reason = reason;
    this.statusMessage = statusMessage;
    this.retryAfterSeconds = retryAfterSeconds;
    this.warnings = warnings;
  }
}

const HINTS: ReadonlyMap<number, string> = new Map([
  [401, 'the credentials are wrong or have expired: log in again, or check the user in the kubeconfig'],
  [403, 'grant this user or service account that right'],
]);

/** Whether the API server answered with this status. */
export function isStatus(error: unknown, status: number): error is ApiStatusError {
  return error instanceof ApiStatusError && error.status === status;
}
