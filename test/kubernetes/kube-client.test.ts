import { chmodSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { ApiStatusError, ClusterUnavailableError } from '../../src/kubernetes/cluster-errors.ts';
import { KubeClient } from '../../src/kubernetes/kube-client.ts';
import { temporaryFolder, writeIn } from '../composition/temporary-folder.ts';
import { answerJson, answerStatus, FakeApiServer } from '../support/fake-api-server.ts';

const CONFIG_MAPS = { version: 'v1', resource: 'configmaps', namespace: 'web' };
const PATH = '/api/v1/namespaces/web/configmaps';

let api: FakeApiServer;

beforeEach(async () => {
  api = (await FakeApiServer.start()).addCollection(PATH);
});

afterEach(() => api.stop());

describe('requests', () => {
  it('share their connections: few for any number of requests in a row, and one more for a watch', async () => {
    const client = await open();
    for (let i = 0; i < 20; i += 1) await client.get('/version');
    const watch = client.watch(CONFIG_MAPS);
    const first = watch.next();
    await expect.poll(() => api.watches.size).toBe(1);
    for (let i = 0; i < 20; i += 1) await client.get('/version');
    api.put(PATH, aConfigMap('a'));
    expect((await first).value).toMatchObject({ type: 'ADDED' });
    await watch.return();
    expect(api.connections).toBeLessThanOrEqual(3);
  });

  it('carry query, body, patch type and field manager, and give back what the server said', async () => {
    const client = await open();
    const { object } = await client.create(CONFIG_MAPS, aConfigMap('a'), { fieldManager: 'tests' });
    expect(object).toMatchObject({ metadata: { name: 'a' } });
    await client.patch({ ...CONFIG_MAPS, name: 'a' }, 'merge', { data: { key: 'value' } });
    await client.patch({ ...CONFIG_MAPS, name: 'a' }, 'apply', { data: {} }, { fieldManager: 'tests', force: true });
    expect((await client.get({ ...CONFIG_MAPS, name: 'a' })).object).toMatchObject({ data: { key: 'value' } });
    const { uid } = object['metadata'] as { uid: string };
    await client.delete({ ...CONFIG_MAPS, name: 'a' }, { body: { preconditions: { uid } } });
    expect(
      api.requests.map(({ method, path, query, headers }) => [method, path, String(query), headers['content-type']]),
    ).toEqual([
      ['POST', PATH, 'fieldManager=tests', 'application/json'],
      ['PATCH', `${PATH}/a`, '', 'application/merge-patch+json'],
      ['PATCH', `${PATH}/a`, 'force=true&fieldManager=tests', 'application/apply-patch+yaml'],
      ['GET', `${PATH}/a`, '', undefined],
      ['DELETE', `${PATH}/a`, '', 'application/json'],
    ]);
    expect(api.requests[4]?.body).toBe(JSON.stringify({ preconditions: { uid } }));
  });

  it('can be dry runs', async () => {
    const client = await open();
    await client.create(CONFIG_MAPS, aConfigMap('a'), { dryRun: true });
    expect(String(api.requests[0]?.query)).toBe('dryRun=All');
    expect(api.objects(PATH)).toEqual([]);
  });

  it('escape names', async () => {
    const client = await open();
    await expect(client.get({ ...CONFIG_MAPS, name: 'a/../b?c' })).rejects.toMatchObject({ status: 404 });
    expect(api.requests[0]?.path).toBe(`${PATH}/a%2F..%2Fb%3Fc`);
  });

  it('give back warnings', async () => {
    const client = await open();
    const warning = '299 - "first, with a comma", 299 other "says \\"second\\""';
    void api.answerNext(() => true, answerJson(200, {}, { warning }));
    expect((await client.get('/version')).warnings).toEqual(['first, with a comma', 'says "second"']);
  });

  it('list page by page', async () => {
    const client = await open();
    for (const name of ['a', 'b', 'c', 'd', 'e']) api.put(PATH, aConfigMap(name));
    const names: unknown[] = [];
    const resourceVersion = await client.list(
      CONFIG_MAPS,
      ({ metadata }) => names.push((metadata as { name: string }).name),
      {
        pageSize: 2,
      },
    );
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(resourceVersion).toBe('105');
    expect(api.requests.map(({ query }) => query.get('limit'))).toEqual(['2', '2', '2']);
  });

  it.each([
    ['cut short', '{"metadata":{"resourceVersion":"1"},"items":[{"a":1}'],
    ['something else', '<html>'],
    ['of broken objects', '{"items":[{"a":}]}'],
  ])('fail on a list that is %s', async (_title, text) => {
    const client = await open();
    api.intercept((_request, response) => {
      response.end(text);
      return true;
    });
    await expect(client.list(CONFIG_MAPS, () => undefined)).rejects.toThrow(
      /the answer is no JSON, so it comes from no API server, or/,
    );
  });

  it('end when they are aborted, with the reason for it', async () => {
    const client = await open();
    api.intercept(() => true);
    const abort = new AbortController();
    const answer = client.get('/version', { signal: abort.signal });
    await expect.poll(() => api.requests.length).toBe(1);
    abort.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
  });
});

describe('a watch', () => {
  it('gives events in whatever pieces they arrive, and drops half of one at the end', async () => {
    const client = await open();
    api.intercept((_request, response) => {
      const bytes = Buffer.from('{"type":"ADDED","object":{"metadata":{"name":"é"}}}\n\n{"type":"MODIFIED"}\n{"type":');
      response.writeHead(200);
      for (const byte of bytes) response.write(Buffer.from([byte]));
      response.end();
      return true;
    });
    const events: unknown[] = [];
    for await (const event of client.watch(CONFIG_MAPS)) events.push(event);
    expect(events).toEqual([{ type: 'ADDED', object: { metadata: { name: 'é' } } }, { type: 'MODIFIED' }]);
  });

  it('ends with the server’s status, with a cut, with a line that is no JSON, or with its reader', async () => {
    const client = await open();
    void api.answerNext(() => true, answerStatus(410, 'Expired', 'too old'));
    await expect(client.watch(CONFIG_MAPS).next()).rejects.toMatchObject({ status: 410, reason: 'Expired' });

    const cut = client.watch(CONFIG_MAPS).next();
    await expect.poll(() => api.watches.size).toBe(1);
    api.cutConnections();
    await expect(cut).rejects.toThrow(ClusterUnavailableError);
    await expect.poll(() => api.watches.size).toBe(0);

    const garbled = client.watch(CONFIG_MAPS).next();
    await expect.poll(() => api.watches.size).toBe(1);
    api.sendLine(PATH, '<html>');
    await expect(garbled).rejects.toThrow(/a line of the watch is no JSON/);
    await expect.poll(() => api.watches.size).toBe(0);

    const abort = new AbortController();
    const aborted = client.watch(CONFIG_MAPS, { signal: abort.signal }).next();
    await expect.poll(() => api.watches.size).toBe(1);
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect.poll(() => api.watches.size).toBe(0);
  });
});

describe('what the server does not do', () => {
  it.each([
    [
      403,
      'Forbidden',
      'no',
      {},
      { status: 403, reason: 'Forbidden', statusMessage: 'no', retryAfterSeconds: undefined },
    ],
    [409, 'Conflict', 'modified', {}, { status: 409, reason: 'Conflict' }],
    [422, 'Invalid', 'bad', {}, { status: 422, reason: 'Invalid' }],
    [429, 'TooManyRequests', 'later', { 'retry-after': '7' }, { status: 429, retryAfterSeconds: 7 }],
    [
      503,
      'ServiceUnavailable',
      'down',
      { 'retry-after': 'Wed, 21 Oct 2026' },
      { status: 503, retryAfterSeconds: undefined },
    ],
  ])('%i %s', async (code, reason, message, headers, expected) => {
    const client = await open();
    api.intercept(answerStatus(code, reason, message, headers));
    const failure = client.get('/version');
    await expect(failure).rejects.toBeInstanceOf(ApiStatusError);
    await expect(failure).rejects.toMatchObject(expected);
    await expect(failure).rejects.toThrow(`GET /version: the API server answered ${code} ${reason}: ${message}`);
  });

  it('is told in its own words when it speaks no JSON', async () => {
    const client = await open();
    await expect(client.get('/apis/none/v1/things')).rejects.toThrow(
      'GET /apis/none/v1/things: the API server answered 404: 404 page not found',
    );
  });
});

describe('credentials', () => {
  it('that are refused are loaded afresh once, so that a renewed kubeconfig counts', async () => {
    const folder = temporaryFolder({ config: api.kubeconfig({ token: 'old' }) });
    const client = await openFile(join(folder, 'config'));
    api.token = 'new';
    await expect(client.get('/version')).rejects.toThrow(
      /401 Unauthorized: Unauthorized; the credentials are wrong or have expired/,
    );
    expect(api.requests).toHaveLength(2);
    writeIn(folder, 'config', api.kubeconfig({ token: 'new' }));
    await expect(client.get('/version')).resolves.toMatchObject({ object: { major: '1' } });
  });

  it('can be a user and a password, or those of a plugin', async () => {
    const folder = temporaryFolder({
      'basic.yaml': api.kubeconfig({ username: 'me', password: 'secret' }),
      plugin: `#!/bin/sh\nprintf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' "$1"\n`,
    });
    const plugin = join(folder, 'plugin');
    chmodSync(plugin, 0o755);
    writeIn(folder, 'exec.yaml', api.kubeconfig({ exec: { command: plugin, args: ['from-a-plugin'] } }));
    await (await openFile(join(folder, 'basic.yaml'))).get('/version');
    await (await openFile(join(folder, 'exec.yaml'))).get('/version');
    expect(api.requests.map(({ headers }) => headers.authorization)).toEqual([
      `Basic ${Buffer.from('me:secret').toString('base64')}`,
      'Bearer from-a-plugin',
    ]);
  });

  it('may leave out the user', async () => {
    const config = api.kubeconfig().replace('"user":"tester",', '');
    const client = await openFile(join(temporaryFolder({ config }), 'config'));
    await client.get('/version');
    expect(api.requests[0]?.headers.authorization).toBeUndefined();
  });
});

describe('no answer at all', () => {
  it.each<[string, (url: string) => [string, object, object], RegExp]>([
    ['a refused connection', () => ['https://127.0.0.1:1', {}, {}], /127\.0\.0\.1:1: nothing listens there/],
    ['a name that is none', () => ['https://no-such-host.invalid', {}, {}], /its name cannot be resolved/],
    [
      'another CA',
      (url) => [url, { 'certificate-authority-data': undefined }, {}],
      /certificate is not trusted .*certificate-authority/,
    ],
    [
      'another name',
      (url) => [url, { 'tls-server-name': 'kubernetes.default' }, {}],
      /certificate is not trusted .*kubernetes\.default/,
    ],
    ['a CA that is none', (url) => [url, { 'certificate-authority-data': 'AAAA' }, {}], /not trusted|TLS failed/],
    [
      'a missing CA file',
      (url) => [url, { 'certificate-authority': '/none/ca.crt' }, {}],
      /cannot be read or made .*\/none\/ca\.crt/,
    ],
    [
      'a client key that is none',
      (url) => [url, {}, { 'client-key-data': 'AAAA', 'client-certificate-data': 'AAAA' }],
      /TLS failed .*check the certificates and keys/,
    ],
    [
      'a missing plugin',
      (url) => [url, {}, { exec: { command: '/none/plugin' } }],
      /cannot be read or made .*\/none\/plugin/,
    ],
    [
      'a plugin that fails',
      (url) => [url, {}, { exec: { command: 'sh', args: ['-c', 'echo log in first >&2; exit 3'] } }],
      /log in first/,
    ],
  ])('%s', async (_title, settings, message) => {
    const [server, cluster, user] = settings(api.url);
    const config = api.kubeconfig({ ...user }, { server, ...cluster });
    const client = await openFile(join(temporaryFolder({ config }), 'config'));
    const failure = client.get('/version');
    await expect(failure).rejects.toBeInstanceOf(ClusterUnavailableError);
    await expect(failure).rejects.toThrow(message);
    await expect(client.watch(CONFIG_MAPS).next()).rejects.toBeInstanceOf(ClusterUnavailableError);
  });

  it('a server that does not speak TLS', async () => {
    const plain = createServer((_request, response) => void response.end('hello'));
    await new Promise<void>((resolve) => {
      plain.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void plain.close());
    const server = `https://127.0.0.1:${(plain.address() as AddressInfo).port}`;
    const config = api.kubeconfig({}, { server });
    const client = await openFile(join(temporaryFolder({ config }), 'config'));
    await expect(client.get('/version')).rejects.toThrow(/does not speak TLS/);
  });

  it('a server that says nothing, or not all of it', async () => {
    const client = await open();
    api.intercept(({ path }, response) => {
      if (path !== '/silent') response.writeHead(200).write('{"a":');
      return true;
    });
    await expect(client.get('/silent', { timeoutMs: 50 })).rejects.toThrow(/GET \/silent: no answer within 0\.05 s/);
    await expect(client.get('/slow', { timeoutMs: 50 })).rejects.toThrow(/GET \/slow: no answer within 0\.05 s/);
  });

  it('a server that is no API server', async () => {
    const client = await open();
    api.intercept((_request, response) => {
      response.end('<html>');
      return true;
    });
    await expect(client.get('/version')).rejects.toThrow(/the answer is no JSON, so it comes from no API server/);
  });
});

async function open(): Promise<KubeClient> {
  return openFile(join(temporaryFolder({ config: api.kubeconfig() }), 'config'));
}

async function openFile(kubeconfig: string): Promise<KubeClient> {
  const client = await KubeClient.open({ kubeconfig, env: {} });
  onTestFinished(() => client.close());
  return client;
}

function aConfigMap(name: string): Record<string, unknown> {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'web' } };
}
