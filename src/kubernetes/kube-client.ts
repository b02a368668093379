import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import type { Dispatcher } from 'undici';
import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, member, textMember } from '../wire/json.ts';
import { ApiStatusError, ClusterUnavailableError, type StatusAnswer } from './cluster-errors.ts';
import { ConnectionPool } from './connection-pool.ts';
import { connectionProblem } from './connection-problem.ts';
import { jsonLines } from './json-lines.ts';
import { type ClusterAccess, loadKubeconfig } from './kubeconfig.ts';
import { ListSplitter } from './list-splitter.ts';
import { type ResourceAddress, resourcePath } from './resource-path.ts';

/** Options of every request. */
export interface RequestOptions {
  /** Query parameters, such as `{ fieldSelector: 'metadata.name=web' }`; those that are `undefined` are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** For the whole request, its answer included; 30 s if not given. */
  readonly timeoutMs?: number;
  /** The media types wanted, for asking for less than whole objects; JSON if not given. */
  readonly accept?: string | undefined;
}

/** Options of requests that change something. */
export interface WriteOptions extends RequestOptions {
  /** Everything is done, admission included, but nothing is stored. */
  readonly dryRun?: boolean;
  /** Who owns the fields, for server-side apply and for the object's records. */
  readonly fieldManager?: string;
}

/** How a patch is to be read. */
export type PatchType = 'merge' | 'json' | 'strategic' | 'apply';

/** What the API server gave back. */
export interface KubeAnswer {
  /** The object, the list, or a Status. */
  readonly object: JsonObject;
  /** Texts of the Warning headers, as kubectl would print them. */
  readonly warnings: readonly string[];
}

/** How many objects a page of a list has; some 3 MB of ImageCaches. */
const PAGE_SIZE = 500;
const TIMEOUT_MS = 30_000;

const CONTENT_TYPES: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/**
 * Raw JSON requests to one API server: nothing is dropped from objects or converted, and all requests share their
 * connections. Credentials are asked for at every request; when they are refused the kubeconfig is loaded afresh, once.
 *
 * Every method throws
 * - ApiStatusError when the server answers with a status of 400 or more (`isStatus(error, 404)` tells which),
 * - ClusterUnavailableError when there is no answer: no connection, no trust, no credentials, out of time,
 * - the reason of `signal` when that was aborted.
 */
export class KubeClient {
  readonly #access: ClusterAccess;
  readonly #pool = new ConnectionPool();
  #config: KubeConfig;

  private constructor(access: ClusterAccess, config: KubeConfig) {
    this.#access = access;
    this.#config = config;
  }

  /**
   * A client for the cluster that counts here (see {@link loadKubeconfig}); asks nothing of it yet.
   *
   * @throws KubeconfigError when there is none, or it cannot be used.
   */
  static async open(access: ClusterAccess): Promise<KubeClient> {
    return new KubeClient(access, await loadKubeconfig(access));
  }

  /** Address of the API server. */
  get server(): string {
    return this.#config.getCurrentCluster()?.server ?? '';
  }

  /** The namespace that the context, or the service account, works in. */
  get namespace(): string {
    const name = this.#config.getCurrentContext();
    return this.#config.getContextObject(name)?.namespace || 'default';
  }

  /** `GET` of an object, or of any path such as `/version`. */
  get(address: ResourceAddress | string, options: RequestOptions = {}): Promise<KubeAnswer> {
    return this.#send('GET', address, options);
  }

  /**
   * A whole list, in pages of 500 (`limit`, `continue`). Objects are told one by one as they arrive, and are gone when
   * whoever is told lets go of them. As they came: items of a list have neither kind nor apiVersion.
   *
   * @param each - called with every object; if the list then fails, it has been called with some.
   * @returns the resourceVersion of the list, from which a watch goes on.
   */
  async list(
    address: ResourceAddress,
    each: (object: JsonObject) => void,
    { pageSize = PAGE_SIZE, ...options }: RequestOptions & { readonly pageSize?: number } = {},
  ): Promise<string> {
    let next: string | undefined;
    let metadata: unknown;
    do {
      const query: RequestOptions['query'] = { ...options.query, limit: pageSize, continue: next };
      const page = new ListSplitter(each);
      const rest = await this.#send('GET', address, { ...options, query }, undefined, async (body) => {
        for await (const chunk of body) page.push(chunk);
        return page.end();
      });
      metadata = member(rest.object, 'metadata');
      next = textMember(metadata, 'continue') || undefined;
    } while (next !== undefined);
    return textMember(metadata, 'resourceVersion');
  }

  /** `GET` of a page that is no JSON, such as one of a pod behind the API server. */
  async text(path: string, options: RequestOptions = {}): Promise<string> {
    return (await this.#read('GET', path, options, undefined, (_what, body) => body.text())).value;
  }

  /** `POST` of a new object. The address names no object; a path may lead to whatever answers with JSON. */
  create(address: ResourceAddress | string, object: JsonObject, options: WriteOptions = {}): Promise<KubeAnswer> {
    return this.#write('POST', address, object, 'application/json', options);
  }

  /** `PUT` of a whole object; with `metadata.resourceVersion` it fails with 409 if somebody else was faster. */
  update(address: ResourceAddress, object: JsonObject, options: WriteOptions = {}): Promise<KubeAnswer> {
    return this.#write('PUT', address, object, 'application/json', options);
  }

  /** `PATCH`; `apply` needs a `fieldManager`, and `force` to take fields from another manager. */
  patch(
    address: ResourceAddress,
    type: PatchType,
    patch: unknown,
    { force, ...options }: WriteOptions & { readonly force?: boolean } = {},
  ): Promise<KubeAnswer> {
    return this.#write('PATCH', address, patch, CONTENT_TYPES[type], {
      ...options,
      query: { ...options.query, force },
    });
  }

  /** `DELETE`; `body` is a DeleteOptions, for preconditions. */
  delete(
    address: ResourceAddress,
    { body, ...options }: WriteOptions & { readonly body?: JsonObject } = {},
  ): Promise<KubeAnswer> {
    return this.#write('DELETE', address, body, 'application/json', options);
  }

  /**
   * The events of a watch (`{ type, object }`), until the server ends it or `signal` is aborted. There is no time limit
   * once it has begun: the reader watches over the silence.
   */
  async *watch(address: ResourceAddress, options: RequestOptions = {}): AsyncGenerator<JsonObject, void, undefined> {
    const { timeoutMs = TIMEOUT_MS, signal, accept } = options;
    const path = pathOf(address, { ...options.query, watch: true });
    const response = await this.#exchange('GET', path, undefined, accept === undefined ? {} : { accept }, {
      signal,
      headersTimeout: timeoutMs,
      bodyTimeout: 0,
    });
    if (response.statusCode >= 400) throw await statusError(`GET ${path}`, response);
    try {
      for await (const event of jsonLines(`GET ${path}`, response.body)) {
        if (!isJsonObject(event)) throw new ClusterUnavailableError(`GET ${path}: an event of the watch is no object`);
        yield event;
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#unavailable(cause);
    } finally {
      // Whoever leaves in the middle takes the connection along. An aborted body reports that as an error.
      response.body.on('error', () => undefined).destroy();
    }
  }

  /** Ends all connections, and the requests on them. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  #write(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    address: ResourceAddress | string,
    body: unknown,
    contentType: string,
    { dryRun, fieldManager, ...options }: WriteOptions,
  ): Promise<KubeAnswer> {
    const query: RequestOptions['query'] = {
      ...options.query,
      fieldManager,
      dryRun: dryRun === true ? 'All' : undefined,
    };
    const content = body === undefined ? undefined : { text: JSON.stringify(body), type: contentType };
    return this.#send(method, address, { ...options, query }, content);
  }

  async #send(
    method: Dispatcher.HttpMethod,
    address: ResourceAddress | string,
    options: RequestOptions,
    content?: { readonly text: string; readonly type: string },
    read: (body: AsyncIterable<Buffer>) => Promise<unknown> = parseBody,
  ): Promise<KubeAnswer> {
    const { value: object, warnings } = await this.#read(method, address, options, content, (what, body) =>
      readAnswer(what, body, read),
    );
    return { object, warnings };
  }

  async #read<Value>(
    method: Dispatcher.HttpMethod,
    address: ResourceAddress | string,
    { query, signal, timeoutMs = TIMEOUT_MS, accept }: RequestOptions,
    content: { readonly text: string; readonly type: string } | undefined,
    read: (what: string, body: Dispatcher.ResponseData['body']) => Promise<Value>,
  ): Promise<{ readonly value: Value; readonly warnings: readonly string[] }> {
    const path = pathOf(address, query);
    const what = `${method} ${path}`;
    const timeout = AbortSignal.timeout(timeoutMs);
    const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const headers = {
      ...(content === undefined ? {} : { 'content-type': content.type }),
      ...(accept === undefined ? {} : { accept }),
    };
    try {
      const response = await this.#exchange(method, path, content?.text, headers, { signal: either });
      if (response.statusCode >= 400) throw await statusError(what, response);
      return { value: await read(what, response.body), warnings: warningsOf(response.headers['warning']) };
    } catch (cause) {
      signal?.throwIfAborted();
      if (timeout.aborted)
        throw new ClusterUnavailableError(`${this.server}: ${what}: no answer within ${timeoutMs / 1000} s`, {
          cause,
        });
      throw this.#unavailable(cause);
    }
  }

  /** One exchange; credentials that are refused are loaded afresh, once. */
  async #exchange(
    method: Dispatcher.HttpMethod,
    path: string,
    body: string | undefined,
    headers: Readonly<Record<string, string>>,
    options: Pick<Dispatcher.RequestOptions, 'headersTimeout' | 'bodyTimeout'> & {
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<Dispatcher.ResponseData> {
    const { signal, ...limits } = options;
    const attempt = async (): Promise<Dispatcher.ResponseData> => {
      signal?.throwIfAborted();
      const access = await untilAborted(this.#pool.access(this.#config), signal);
      // A server may stand below a path of its own, as behind a gateway.
      const url = new URL(`${this.server}${path}`);
      return access.dispatcher.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { accept: 'application/json', 'user-agent': USER_AGENT, ...headers, ...access.headers },
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
        ...limits,
      });
    };
    try {
      const response = await attempt();
      if (response.statusCode !== 401) return response;
      await response.body.dump();
      this.#config = await loadKubeconfig(this.#access);
      return await attempt();
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#unavailable(cause);
    }
  }

  /** Our own errors as they are; others as what they mean for whoever wanted an answer. */
  #unavailable(cause: unknown): Error {
    if (cause instanceof ApiStatusError || cause instanceof ClusterUnavailableError) return cause;
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_KUBECONFIG_INVALID') return cause;
    return new ClusterUnavailableError(`${this.server}: ${connectionProblem(cause)}`, { cause });
  }
}

const USER_AGENT = 'eci-imagecache-webhook';

function pathOf(address: ResourceAddress | string, query: RequestOptions['query'] = {}): string {
  const path = typeof address === 'string' ? address : resourcePath(address);
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  if (text === '') return path;
  return `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

/** The object that a body holds. */
async function readAnswer(
  what: string,
  body: AsyncIterable<Buffer>,
  read: (body: AsyncIterable<Buffer>) => Promise<unknown>,
): Promise<JsonObject> {
  let value: unknown;
  try {
    value = await read(body);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new ClusterUnavailableError(`${what}: the answer is no JSON, ${NO_API_SERVER}`, { cause });
  }
  if (isJsonObject(value)) return value;
  throw new ClusterUnavailableError(`${what}: the answer is no object, ${NO_API_SERVER}`);
}

const NO_API_SERVER = 'so it comes from no API server, or not whole; check the address';

async function parseBody(body: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

async function statusError(
  what: string,
  { statusCode, headers, body }: Dispatcher.ResponseData,
): Promise<ApiStatusError> {
  const text = await body.text();
  const retryAfter = headers['retry-after'];
  const seconds = typeof retryAfter === 'string' && /^[0-9]{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  let status: unknown;
  try {
    status = JSON.parse(text);
  } catch {
    // A proxy in between, or /healthz: its first words have to do.
    status = { message: text.trim().slice(0, 200) };
  }
  const answer = {
    ...readStatus(status),
    status: statusCode,
    ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }),
  };
  return new ApiStatusError(what, answer, warningsOf(headers['warning']));
}

/** What a Status object says; also the `object` of an `ERROR` event in a watch. */
export function readStatus(value: unknown): StatusAnswer {
  const status = member(value, 'code');
  const retryAfter = member(member(value, 'details'), 'retryAfterSeconds');
  return {
    status: typeof status === 'number' ? status : 500,
    reason: textMember(value, 'reason'),
    statusMessage: textMember(value, 'message'),
    retryAfterSeconds: typeof retryAfter === 'number' && retryAfter > 0 ? retryAfter : undefined,
  };
}

/** `299 - "text"`, several in a header or in several headers. */
function warningsOf(header: string | string[] | undefined): string[] {
  const text = asUtf8(Array.isArray(header) ? header.join(', ') : (header ?? ''));
  return [...text.matchAll(/\b[0-9]{3} \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, quoted = '']) =>
    quoted.replaceAll(/\\(.)/g, '$1'),
  );
}

/** API servers write UTF-8 in headers, which HTTP clients read as one character for each byte. */
function asUtf8(text: string): string {
  return /[^\0-\xff]/.test(text) ? text : Buffer.from(text, 'latin1').toString('utf8');
}

/** A plugin for credentials may take as long as it likes; whoever asked does not wait for it. */
function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
