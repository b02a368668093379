import { describe, expect, it } from 'vitest';
import { AdmissionServer } from '../../src/server/admission-server.ts';
import { until } from '../certs/until.ts';
import type { Call } from './harness.ts';
import { aServer, call, REVIEW } from './harness.ts';

/** A review with members changed; `undefined` takes one away. */
function aReview(changes: object, request: object = {}): string {
  const review = JSON.parse(REVIEW) as { request: object }; // ours, see REVIEW
  return JSON.stringify({ ...review, request: { ...review.request, ...request }, ...changes });
}

const MIB = 1024 * 1024;

describe('answers (spec A1, A7)', () => {
  it('answers with an AdmissionReview of the same uid', async () => {
    const { port, ca } = await aServer();
    const { status, headers, json } = await call({ port, ca });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expect(json).toEqual({
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      response: { uid: 'a-uid', allowed: true },
    });
  });

  it.each(['/mutate?timeout=3s', '/mutate?timeout=3s&timeout=5s', '/mutate?', '/mutate?x=%zz&timeout'])(
    'answers at %s',
    async (path) => {
      const { port, ca } = await aServer();
      expect((await call({ port, ca, path })).status).toBe(200);
    },
  );

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset=UTF-8',
    'application/json;v=1',
  ])('takes a body of type %s', async (type) => {
    const { port, ca } = await aServer();
    expect((await call({ port, ca, headers: { 'content-type': type } })).status).toBe(200);
  });

  it('takes keys such as __proto__ and constructor for data', async () => {
    const { port, ca, reviewer } = await aServer();
    const body = REVIEW.replace(
      '"metadata":{}',
      '"metadata":{"annotations":{"__proto__":"a","constructor":"b"}},"__proto__":{"x":1},"constructor":{"prototype":{}}',
    ).replace('{', '{"__proto__":{"polluted":true},');
    const { status } = await call({ port, ca, body });
    expect(status).toBe(200);
    const [asked] = reviewer.asked;
    const pod = asked?.request.object as { metadata: { annotations: object } }; // as written above
    expect(Object.keys(pod)).toContain('__proto__');
    expect(Object.keys(pod.metadata.annotations)).toEqual(['__proto__', 'constructor']);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('takes a review of 19 MB', async () => {
    const { port, ca } = await aServer();
    const body = aReview({ padding: 'x'.repeat(19_000_000) });
    expect((await call({ port, ca, body })).status).toBe(200);
  });
});

describe('refusals (spec A4)', () => {
  it.each<[string, Partial<Call>, number, string, RegExp]>([
    [
      'another content type',
      { headers: { 'content-type': 'text/plain' } },
      415,
      'UnsupportedMediaType',
      /application\/json/,
    ],
    ['a broken content type', { headers: { 'content-type': 'x' } }, 415, 'UnsupportedMediaType', /application\/json/],
    ['an empty content type', { headers: { 'content-type': '' } }, 415, 'UnsupportedMediaType', /application\/json/],
    ['a compressed body', { headers: { 'content-encoding': 'gzip' } }, 415, 'UnsupportedMediaType', /Content-Encoding/],
    ['another path', { path: '/' }, 404, 'NotFound', /\/mutate/],
    ['a longer path', { path: '/mutate/x' }, 404, 'NotFound', /\/mutate/],
    ['the path in capitals', { path: '/MUTATE' }, 404, 'NotFound', /\/mutate/],
    ['a path that cannot be read', { path: '/%zz' }, 400, 'BadRequest', /zz/],
    ['GET', { method: 'GET' }, 405, 'MethodNotAllowed', /POST/],
    ['PUT', { method: 'PUT' }, 405, 'MethodNotAllowed', /POST/],
    ['DELETE', { method: 'DELETE' }, 405, 'MethodNotAllowed', /POST/],
    ['a rare method', { method: 'PROPFIND' }, 405, 'MethodNotAllowed', /POST/],
    ['an empty body', { body: '' }, 400, 'BadRequest', /not JSON: it ends too early/],
    ['truncated JSON', { body: REVIEW.slice(0, 90) }, 400, 'BadRequest', /not JSON/],
    ['JSON with a slip', { body: '{"kind": }' }, 400, 'BadRequest', /not JSON/],
    ['a list', { body: '[]' }, 400, 'BadRequest', /AdmissionReview object/],
    ['null', { body: 'null' }, 400, 'BadRequest', /AdmissionReview object/],
  ])('refuses %s', async (_what, options, code, reason, message) => {
    const { port, ca, reviewer } = await aServer();
    const { status, headers, json, text } = await call({ port, ca, ...options });
    expect(status).toBe(code);
    expect(headers['content-type']).toBe('application/json');
    expect(headers.allow).toBe(code === 405 ? 'POST' : undefined);
    expect(json).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code });
    expect(json).toHaveProperty('message', expect.stringMatching(message));
    expect(text).not.toMatch(/\.ts:|node_modules|at .*\(/);
    expect(reviewer.asked).toEqual([]);
  });

  it.each([
    ['apiVersion', aReview({ apiVersion: 'admission.k8s.io/v1beta1' })],
    ['kind', aReview({ kind: 'Pod' })],
    ['request', aReview({ request: 'x' })],
    ['request.uid', aReview({}, { uid: '' })],
    ['request.object', aReview({}, { object: null })],
  ])('refuses a review with a wrong %s, naming it', async (field, body) => {
    const { port, ca } = await aServer();
    const { status, json } = await call({ port, ca, body });
    expect(status).toBe(400);
    expect(json).toMatchObject({
      message: expect.stringContaining(field),
      details: { causes: [{ field, reason: 'FieldValueInvalid', message: expect.stringContaining(field) }] },
    });
  });

  it('refuses a missing content type, with or without a body', async () => {
    const { port, ca } = await aServer();
    for (const body of ['', REVIEW]) {
      const { status, json } = await call({ port, ca, body, headers: { 'content-type': undefined } });
      expect(status).toBe(415);
      expect(json).toMatchObject({ kind: 'Status', code: 415 });
    }
  });

  it('answers 413 to a body over 20 MiB, also when its length was not announced', async () => {
    const { port, ca } = await aServer();
    const body = Buffer.alloc(20 * MIB + 1, ' ');
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      const { status, json } = await call({ port, ca, body, headers });
      expect(status).toBe(413);
      expect(json).toMatchObject({ kind: 'Status', reason: 'RequestEntityTooLarge', code: 413 });
    }
  });

  it('says nothing about the body in answer or log when it is no JSON', async () => {
    const { port, ca, logger } = await aServer();
    const { text } = await call({ port, ca, body: '{"password": hunter2}' });
    expect(text).not.toContain('hunter');
    expect(JSON.stringify(logger.lines)).not.toContain('hunter');
    expect(logger.of('refused')).toMatchObject([{ level: 'warn', fields: { code: 400 } }]);
  });

  it('answers HEAD without a body', async () => {
    const { port, ca } = await aServer();
    const { status, text } = await call({ port, ca, method: 'HEAD' });
    expect([status, text]).toEqual([405, '']);
  });
});

describe('failures (spec A5)', () => {
  const admitted = { response: { uid: 'a-uid', allowed: true } };

  it('admits the pod when the reviewer fails against its promise, and logs why', async () => {
    const { port, ca, logger, observed, reviewer } = await aServer();
    reviewer.wait = () => Promise.reject(new Error('broken'));
    const { status, json } = await call({ port, ca });
    expect(status).toBe(200);
    expect(json).toMatchObject(admitted);
    expect(observed).toMatchObject([{ outcome: 'Error' }]);
    expect(logger.of('reviewed')).toMatchObject([
      { level: 'error', fields: { uid: 'a-uid', namespace: 'web', outcome: 'Error', err: { message: 'broken' } } },
    ]);
  });

  it('admits the pod when the answer cannot be written', async () => {
    const { port, ca, reviewer, observed } = await aServer();
    reviewer.verdict = { auditAnnotations: { loop: 1n as unknown as string } }; // no JSON for that
    expect((await call({ port, ca })).json).toMatchObject(admitted);
    expect(observed).toMatchObject([{ outcome: 'Error' }]);
  });

  it('logs an Error of the reviewer with its stack', async () => {
    const { port, ca, reviewer, logger } = await aServer();
    const failure = new Error('inner');
    reviewer.verdict = { outcome: 'Error', reason: 'inner', failure };
    await call({ port, ca });
    expect(logger.of('error')).toMatchObject([{ message: 'reviewed', fields: { outcome: 'Error', err: failure } }]);
  });
});

describe('deadlines and waiting (spec M13, G6)', () => {
  it.each([
    ['/mutate?timeout=1h', false],
    ['/mutate?timeout=1ns', true],
    ['/mutate?timeout=x', false],
    ['/mutate?timeout=0s', false],
    ['/mutate', false],
  ])('%s is late: %s', async (path, late) => {
    const { port, ca, reviewer } = await aServer();
    await call({ port, ca, path });
    expect(reviewer.asked.map((asked) => asked.late)).toEqual([late]);
  });

  it('waits for the namespace before it decides', async () => {
    const { port, ca, reviewer } = await aServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    reviewer.wait = () => promise;
    let isAnswered = false;
    const reply = call({ port, ca }).finally(() => {
      isAnswered = true;
    });
    // Another review, which need not wait, overtakes it.
    const other = await aServer();
    await call({ port: other.port, ca: other.ca });
    expect([isAnswered, reviewer.asked.length]).toEqual([false, 0]);
    resolve();
    expect((await reply).status).toBe(200);
    expect(reviewer.asked).toHaveLength(1);
  });
});

describe('log and metrics (spec S5, S8)', () => {
  it('writes one line and one observation for each review', async () => {
    const { port, ca, logger, observed, reviewer } = await aServer();
    reviewer.verdict = { outcome: 'Skipped', reason: 'NotEci' };
    await call({ port, ca });
    const lines = logger.of('info');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.message).toBe('reviewed');
    expect(lines[0]?.fields).toEqual({
      component: 'admission',
      uid: 'a-uid',
      namespace: 'web',
      pod: 'web-1',
      outcome: 'Skipped',
      reason: 'NotEci',
      imageCache: undefined,
      durationMs: expect.any(Number),
    });
    expect(lines[0]?.fields['durationMs']).toBeGreaterThan(0);
    expect(observed).toMatchObject([{ outcome: 'Skipped' }]);
    expect(observed[0]?.seconds).toBeGreaterThan(0);
  });

  it('names a pod by generateName when it has no name yet', async () => {
    const { port, ca, logger } = await aServer();
    await call({ port, ca, body: aReview({}, { name: undefined, object: { metadata: { generateName: 'web-' } } }) });
    expect(logger.of('reviewed')).toMatchObject([{ fields: { pod: 'web-' } }]);
  });

  it('never logs a pod', async () => {
    const { port, ca, logger } = await aServer();
    await call({ port, ca, body: aReview({}, { object: { metadata: {}, spec: { secret: 'hunter2' } } }) });
    await until(() => logger.of('reviewed').length === 1);
    expect(JSON.stringify(logger.lines)).not.toContain('hunter2');
  });
});

describe('listening', () => {
  it('names port and flag when the port is in use', async () => {
    const first = await aServer();
    await expect(
      aServer().then(({ certificates, reviewer, logger }) => {
        const metrics = { observeReview: () => {} };
        const second = new AdmissionServer({ certificates, reviewer, logger, metrics });
        return second.start({ host: '127.0.0.1', port: first.port });
      }),
    ).rejects.toMatchObject({
      code: 'ERR_LISTEN_FAILED',
      message: `port ${first.port} on 127.0.0.1 is in use: stop the program that has it, or choose another port with --port`,
    });
  });

  it('names host and flag when the host is not ours', async () => {
    const { certificates, reviewer, logger } = await aServer();
    const server = new AdmissionServer({ certificates, reviewer, logger, metrics: { observeReview: () => {} } });
    await expect(server.start({ host: '192.0.2.1', port: 0 })).rejects.toThrow(/192\.0\.2\.1 .* --host/);
    await server.close();
  });
});
