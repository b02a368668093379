import { Agent, request } from 'undici';

/** Any object of the API. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name?: string;
    readonly generateName?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
    readonly deletionTimestamp?: string;
  };
  readonly [field: string]: unknown;
}

/** An answer of the API server. */
export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

/** The API server's answer was none of 2xx. */
export class ApiError extends Error {
  readonly status: number;

  constructor(what: string, { status, text }: ApiAnswer) {
    super(`${what}: ${status} ${text}`);
    this.status = status;
  }
}

type PatchType = 'merge' | 'strategic-merge';

/** Talks to the API server as an administrator, over kept connections. */
export class ApiClient {
  readonly #server: string;
  readonly #headers: Record<string, string>;
  readonly #agent: Agent;

  constructor(server: string, ca: string, token: string) {
    this.#server = server;
    this.#headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json',
    };
    this.#agent = new Agent({ connect: { ca }, connections: 64, pipelining: 1 });
  }

  /** Any answer, whatever its status; throws only if none comes. */
  async send(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<ApiAnswer> {
    return this.#send(method, path, body, this.#headers);
  }

  async get(path: string): Promise<KubeObject> {
    return this.#object('GET', path);
  }

  /** undefined if there is none. */
  async find(path: string): Promise<KubeObject | undefined> {
    const answer = await this.send('GET', path);
    if (answer.status === 404) return undefined;
    return read(`GET ${path}`, answer);
  }

  async items(path: string): Promise<readonly KubeObject[]> {
    const list = await this.#object('GET', path);
    return list['items'] as KubeObject[]; // of a list
  }

  async create(path: string, object: object): Promise<KubeObject> {
    return this.#object('POST', path, object);
  }

  async patch(path: string, change: object, type: PatchType = 'merge'): Promise<KubeObject> {
    const headers = { ...this.#headers, 'content-type': `application/${type}-patch+json` };
    return read(`PATCH ${path}`, await this.#send('PATCH', path, change, headers));
  }

  async delete(path: string): Promise<void> {
    const answer = await this.send('DELETE', `${path}?gracePeriodSeconds=0`);
    if (answer.status !== 404) read(`DELETE ${path}`, answer);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #object(method: 'GET' | 'POST', path: string, body?: unknown): Promise<KubeObject> {
    return read(`${method} ${path}`, await this.send(method, path, body));
  }

  async #send(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<ApiAnswer> {
    const { statusCode, body: answer } = await request(`${this.#server}${path}`, {
      method,
      headers,
      dispatcher: this.#agent,
      bodyTimeout: 60_000,
      headersTimeout: 60_000,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: statusCode, text: await answer.text() };
  }
}

function read(what: string, answer: ApiAnswer): KubeObject {
  if (answer.status >= 300) throw new ApiError(what, answer);
  return JSON.parse(answer.text) as KubeObject; // what the API server sends with a 2xx
}
