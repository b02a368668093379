import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createAuthority, issueServingCertificate } from '../../src/certs/self-signed-authority.ts';

type Json = Record<string, unknown>;

/** A request as it arrived. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers in place of the server, or says that it does not. */
export type Interceptor = (request: FakeRequest, response: ServerResponse) => boolean;

interface Collection {
  readonly objects: Map<string, Json>;
  readonly events: {
    readonly version: number;
    readonly type: string;
    readonly object: Json;
    readonly before: Json | undefined;
  }[];
}

const pair = createAuthority(Date.now()).then(async (authority) => ({
  ca: authority.certPem,
  ...(await issueServingCertificate(authority, ['localhost', '127.0.0.1'], Date.now())),
}));

/**
 * An API server over TLS as far as clients that list, watch and write can tell: collections by path, resource versions,
 * pages, field selectors by name, bookmarks, history that expires. Whatever can go wrong is put in front of it.
 */
export class FakeApiServer {
  readonly requests: FakeRequest[] = [];
  /** Connections accepted so far. */
  connections = 0;
  /** Each watch that is open now, by its path. */
  readonly watches = new Map<ServerResponse, string>();
  /** If set, anything but `Bearer TOKEN` is answered with 401. */
  token: string | undefined;
  readonly caPem: string;
  readonly #server: Server;
  readonly #collections = new Map<string, Collection>();
  readonly #sockets = new Set<Socket>();
  #interceptors: Interceptor[] = [];
  #version = 100;
  /** Changes up to here can no longer be watched. */
  #forgotten = 0;
  /** Continuations handed out so far. */
  readonly #continuations = new Map<string, { readonly version: number; readonly rest: readonly Json[] }>();

  private constructor(server: Server, caPem: string) {
    this.#server = server;
    this.caPem = caPem;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#receive(request, response));
    server.on('secureConnection', () => {
      this.connections += 1;
    });
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  static async start(): Promise<FakeApiServer> {
    const { ca, certPem, keyPem } = await pair;
    const server = createServer({ cert: certPem, key: keyPem, keepAliveTimeout: 90_000 });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return new FakeApiServer(server, ca);
  }

  get url(): string {
    // A server that listens on TCP has an address with a port.
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A kubeconfig for this server, in JSON, which is YAML as well. */
  kubeconfig(user: Json = { token: this.token ?? 'any' }, cluster: Json = {}): string {
    const ca = Buffer.from(this.caPem).toString('base64');
    return JSON.stringify({
      clusters: [{ name: 'fake', cluster: { server: this.url, 'certificate-authority-data': ca, ...cluster } }],
      users: [{ name: 'tester', user }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'tester', namespace: 'imc-system' } }],
      'current-context': 'fake',
    });
  }

  /** Makes a resource known; what is not known is answered with 404. */
  addCollection(path: string): this {
    if (!this.#collections.has(path)) this.#collections.set(path, { objects: new Map(), events: [] });
    return this;
  }

  removeCollection(path: string): void {
    this.#collections.delete(path);
    this.endWatches(path);
  }

  /** Adds or replaces an object, and tells the watches. */
  put(path: string, object: Json): void {
    const { objects } = this.#collection(path);
    const name = nameOf(object);
    this.#change(path, objects.has(name) ? 'MODIFIED' : 'ADDED', object);
  }

  remove(path: string, name: string): void {
    const object = this.#collection(path).objects.get(name);
    if (object !== undefined) this.#change(path, 'DELETED', object);
  }

  objects(path: string): readonly Json[] {
    return [...this.#collection(path).objects.values()];
  }

  /** From now on nobody can watch from where they were: they must list again (410). */
  forgetHistory(): void {
    this.#forgotten = this.#version;
    this.#continuations.clear();
  }

  /** Changes made while no watch is told: what a cut connection misses. */
  silently(change: () => void): void {
    const told = new Map(this.watches);
    this.watches.clear();
    change();
    for (const [response, path] of told) this.watches.set(response, path);
  }

  /** Tells watches how far they are without any change, as API servers do about once a minute. */
  bookmark(path: string): void {
    const object = { kind: 'Bookmark', metadata: { resourceVersion: String(this.#version) } };
    this.#tell(path, { type: 'BOOKMARK', object });
  }

  /** Sends a line of the test's choice down the watches of a path. */
  sendLine(path: string, line: string): void {
    for (const [response, watched] of this.watches) if (watched === path) response.write(`${line}\n`);
  }

  /** Ends watches in the way a server does at their time limit. */
  endWatches(path: string): void {
    for (const [response, watched] of this.watches) if (watched === path) response.end();
  }

  /** Cuts every connection, in the middle of whatever is being said. */
  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What is stored of a status, as a schema prunes it. */
  statusOf = (status: Json | undefined): Json | undefined => status;

  /** Puts something in front of the server until the returned function is called. */
  intercept(interceptor: Interceptor): () => void {
    this.#interceptors.push(interceptor);
    return () => {
      this.#interceptors = this.#interceptors.filter((each) => each !== interceptor);
    };
  }

  /** Answers the next requests for a path in another way; resolves when all of them have come. */
  answerNext(matches: (request: FakeRequest) => boolean, ...answers: readonly Interceptor[]): Promise<void> {
    const left = [...answers];
    return new Promise((resolve) => {
      const stop = this.intercept((request, response) => {
        if (!matches(request)) return false;
        const answer = left.shift();
        if (left.length === 0) {
          stop();
          resolve();
        }
        return answer?.(request, response) ?? false;
      });
    });
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutConnections();
    await closed;
  }

  #collection(path: string): Collection {
    const collection = this.#collections.get(path);
    if (collection === undefined) throw new Error(`there is no ${path} here; add it first`);
    return collection;
  }

  #change(path: string, type: string, given: Json): void {
    const collection = this.#collection(path);
    const before = collection.objects.get(nameOf(given));
    this.#version += 1;
    const metadata = { ...(given['metadata'] as Json), resourceVersion: String(this.#version) };
    const object = { ...given, metadata };
    if (type === 'DELETED') collection.objects.delete(nameOf(object));
    else collection.objects.set(nameOf(object), object);
    collection.events.push({ version: this.#version, type, object, before });
    this.#tell(path, { type, object }, before);
  }

  #tell(path: string, event: Json, before?: Json): void {
    for (const [response, watched] of this.watches) {
      const view = watched === path ? views.get(response) : undefined;
      const seen = view && seenBy(event, before, view);
      if (seen !== undefined) writeLine(response, seen);
    }
  }

  async #receive(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'https://fake');
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const request: FakeRequest = {
      method: incoming.method ?? '',
      path: pathname,
      query: searchParams,
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    };
    this.requests.push(request);
    if (this.#interceptors.some((interceptor) => interceptor(request, response))) return;
    if (this.token !== undefined && incoming.headers.authorization !== `Bearer ${this.token}`) {
      answerStatus(401, 'Unauthorized', 'Unauthorized')(request, response);
      return;
    }
    this.#answer(request, response);
  }

  #answer(request: FakeRequest, response: ServerResponse): unknown {
    const { path, method, query } = request;
    if (path === '/version') return answerJson(200, { major: '1', minor: '99' })(request, response);
    const collection = this.#collections.get(path);
    if (collection === undefined) return this.#answerObject(request, response);
    if (method === 'POST') {
      const object = JSON.parse(request.body) as Json;
      if (collection.objects.has(nameOf(object))) {
        return answerStatus(409, 'AlreadyExists', `"${nameOf(object)}" already exists`)(request, response);
      }
      if (!query.has('dryRun')) this.#change(path, 'ADDED', this.#born(object));
      return answerJson(201, collection.objects.get(nameOf(object)) ?? object)(request, response);
    }
    if (query.get('watch') === 'true') return this.#watch(request, response, collection);
    return this.#list(request, response, collection);
  }

  /** What API servers give a new object. */
  #born(object: Json): Json {
    const given = { uid: `uid-${this.#version + 1}`, creationTimestamp: new Date().toISOString() };
    return { ...object, metadata: { ...given, ...(object['metadata'] as Json) } };
  }

  #answerObject(request: FakeRequest, response: ServerResponse): unknown {
    const { method } = request;
    const path = request.path.replace(/\/status$/, '');
    const isStatus = path !== request.path;
    const folder = path.slice(0, path.lastIndexOf('/'));
    const name = decodeURIComponent(path.slice(folder.length + 1));
    // A collection may hold the objects of all namespaces.
    const parent = this.#collections.has(folder) ? folder : folder.replace(/\/namespaces\/[^/]+/, '');
    const collection = this.#collections.get(parent);
    if (collection === undefined) {
      return response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
    }
    const object = collection.objects.get(name);
    if (object === undefined) return answerStatus(404, 'NotFound', `"${name}" not found`)(request, response);
    switch (method) {
      case 'GET':
        return answerJson(200, object)(request, response);
      case 'DELETE': {
        const { preconditions } = JSON.parse(request.body || '{}') as { preconditions?: Json };
        if (preconditions !== undefined && preconditions['uid'] !== (object['metadata'] as Json)['uid']) {
          return answerStatus(409, 'Conflict', 'the UID in the precondition differs')(request, response);
        }
        this.#change(parent, 'DELETED', object);
        return answerJson(200, { kind: 'Status', status: 'Success' })(request, response);
      }
      default: {
        const body = JSON.parse(request.body) as Json;
        const wanted = (body['metadata'] as Json | undefined)?.['resourceVersion'];
        if (wanted !== undefined && wanted !== (object['metadata'] as Json)['resourceVersion']) {
          return answerStatus(409, 'Conflict', 'the object has been modified')(request, response);
        }
        const changed = method === 'PUT' ? body : merged(object, body, isStrategic(request));
        // The status is changed through its own sub-resource, and nothing else is.
        const status = this.statusOf(changed['status'] as Json | undefined);
        this.#change(parent, 'MODIFIED', isStatus ? { ...object, status } : { ...changed, status: object['status'] });
        return answerJson(200, collection.objects.get(name) ?? {})(request, response);
      }
    }
  }

  #list(request: FakeRequest, response: ServerResponse, { objects }: Collection): unknown {
    const { query } = request;
    const limit = Number(query.get('limit') ?? 0) || Infinity;
    const token = query.get('continue');
    const going = token === null ? undefined : this.#continuations.get(token);
    if (token !== null && going === undefined) {
      return answerStatus(410, 'Expired', 'The provided continue parameter is too old')(request, response);
    }
    const { version, rest } = going ?? {
      version: this.#version,
      rest: [...objects.values()]
        .filter((object) => isSelected(object, query.get('fieldSelector')))
        .map((object) => (isMetadataOnly(request) ? metadataOf(object) : object)),
    };
    const metadata: Json = { resourceVersion: String(version) };
    if (rest.length > limit) {
      const next = `${this.#continuations.size + 1}-${version}`;
      this.#continuations.set(next, { version, rest: rest.slice(limit) });
      metadata['continue'] = next;
    }
    return answerJson(200, { kind: 'List', apiVersion: 'v1', metadata, items: rest.slice(0, limit) })(
      request,
      response,
    );
  }

  #watch(request: FakeRequest, response: ServerResponse, { events }: Collection): void {
    const { path, query } = request;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const from = Number(query.get('resourceVersion') ?? 0);
    if (from < this.#forgotten) {
      const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
      writeLine(response, { type: 'ERROR', object });
      response.end();
      return;
    }
    const view: View = { fieldSelector: query.get('fieldSelector'), metadataOnly: isMetadataOnly(request) };
    views.set(response, view);
    for (const { version, type, object, before } of events) {
      const seen = version > from ? seenBy({ type, object }, before, view) : undefined;
      if (seen !== undefined) writeLine(response, seen);
    }
    this.watches.set(response, path);
    response.on('close', () => this.watches.delete(response));
  }
}

/** What a watch shows. */
interface View {
  readonly fieldSelector: string | null;
  readonly metadataOnly: boolean;
}

const views = new WeakMap<ServerResponse, View>();

/** An event as a watch shows it: what leaves a selection is deleted from it. */
function seenBy(event: Json, before: Json | undefined, { fieldSelector, metadataOnly }: View): Json | undefined {
  const object = event['object'] as Json;
  const shown = metadataOnly && object['kind'] !== 'Bookmark' ? metadataOf(object) : object;
  if (isSelected(object, fieldSelector)) return { ...event, object: shown };
  return before !== undefined && isSelected(before, fieldSelector) ? { type: 'DELETED', object: shown } : undefined;
}

function isMetadataOnly({ headers }: FakeRequest): boolean {
  return headers.accept?.includes('as=PartialObjectMetadata') === true;
}

function metadataOf({ metadata }: Json): Json {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
}

/** By name, and by phases that are not wanted. */
function isSelected(object: Json, fieldSelector: string | null | undefined): boolean {
  if (fieldSelector === null || fieldSelector === undefined || object['kind'] === 'Bookmark') return true;
  return fieldSelector.split(',').every((requirement) => {
    const [field, value] = requirement.split(/!?=/);
    if (field === 'metadata.name') return nameOf(object) === value;
    if (field === 'status.phase') return (object['status'] as Json | undefined)?.['phase'] !== value;
    throw new Error(`this server does not select by ${requirement}`);
  });
}

function nameOf(object: Json): string {
  return String((object['metadata'] as Json)['name']);
}

function isStrategic({ headers }: FakeRequest): boolean {
  return headers['content-type'] === 'application/strategic-merge-patch+json';
}

/** A merge patch; a strategic one finds the members of lists by their name. */
function merged(object: Json, patch: Json, strategic: boolean): Json {
  const result: Json = { ...object };
  for (const [key, value] of Object.entries(patch)) {
    const before = result[key];
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (value === null) delete result[key];
    else if (strategic && Array.isArray(value)) result[key] = mergedByName((before ?? []) as Json[], value as Json[]);
    else result[key] = isMap ? merged((before ?? {}) as Json, value as Json, strategic) : value;
  }
  return result;
}

function mergedByName(before: readonly Json[], patch: readonly Json[]): Json[] {
  return before.map((member) => {
    const change = patch.find(({ name }) => name === member['name']);
    return change === undefined ? member : merged(member, change, true);
  });
}

function writeLine(response: ServerResponse, value: unknown): void {
  response.write(`${JSON.stringify(value)}\n`);
}

/** An answer of the test's choice. */
export function answerJson(status: number, body: unknown, headers: Record<string, string> = {}) {
  return (_request: FakeRequest, response: ServerResponse): true => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
    return true;
  };
}

/** A Status object, as API servers answer what they do not do. */
export function answerStatus(code: number, reason: string, message: string, headers: Record<string, string> = {}) {
  return answerJson(code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message }, headers);
}
