import { request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServingCertificate } from '../../src/certs/certificate-source.ts';
import type { SourceProblem } from '../../src/cluster/cluster-source.ts';
import { ClusterStore, RESOURCES } from '../../src/cluster/cluster-store.ts';
import { OUTCOMES } from '../../src/core/outcome.ts';
import { OperationsServer } from '../../src/server/operations-server.ts';
import { Readiness } from '../../src/server/readiness.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00Z');

describe('readiness (spec S2)', () => {
  it('is ready when every resource is listed and the certificate is in its time', async () => {
    const { get } = await aServer();
    expect(await get('/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
  });

  it.each(RESOURCES)('is not ready without a full listing of %s', async (missing) => {
    const { get } = await aServer({ synced: RESOURCES.filter((resource) => resource !== missing) });
    const { status, text } = await get('/readyz');
    expect(status).toBe(503);
    expect(text).toContain(`[-] ${missing} listed: no full listing yet\n`);
    expect(text.match(/^\[-\]/gm)).toHaveLength(1);
  });

  it('is not ready with a certificate that has ended, or none', async () => {
    const ended = await aServer({ notAfter: new Date(NOW_MS) });
    expect((await ended.get('/readyz')).text).toContain('[-] certificate valid: ended 2026-03-01T12:00:00.000Z\n');
    const none = await aServer({ notAfter: undefined });
    expect(await none.get('/readyz')).toMatchObject({
      status: 503,
      text: expect.stringContaining('[-] certificate valid: there is none yet'),
    });
  });

  it('is not ready before the server of reviews listens', async () => {
    const { get, readiness } = await aServer({ answering: false });
    expect(await get('/readyz')).toMatchObject({
      status: 503,
      text: expect.stringContaining('[-] reviews answered: not yet'),
    });
    readiness.startAnswering();
    expect((await get('/readyz')).status).toBe(200);
  });

  it('is not ready while draining (spec S3), but alive', async () => {
    const { get, readiness } = await aServer();
    readiness.startDraining();
    expect(await get('/readyz')).toMatchObject({
      status: 503,
      text: expect.stringContaining('[-] not draining: shutting down'),
    });
    expect(await get('/livez')).toMatchObject({ status: 200, text: 'ok\n' });
  });

  it('shows problems that do not make it unready', async () => {
    const { get } = await aServer({
      problems: [{ resource: 'eci-profile', message: 'profile.yaml:3:1: selectors[0].name:\n  expected a text' }],
      refused: 'tls.key: the key does not belong',
    });
    expect(await get('/readyz?verbose')).toMatchObject({
      status: 200,
      text: [
        '[+] imagecaches listed',
        '[+] namespaces listed',
        '[+] eci-profile listed',
        '[+] certificate valid',
        '[+] reviews answered',
        '[+] not draining',
        '[!] profile.yaml:3:1: selectors[0].name: expected a text',
        '[!] certificate: tls.key: the key does not belong',
        'ok',
        '',
      ].join('\n'),
    });
  });
});

describe('operations server', () => {
  it('shows the metrics (spec S8)', async () => {
    const { get } = await aServer();
    const { status, text, type } = await get('/metrics');
    expect([status, type]).toEqual([200, expect.stringMatching(/^text\/plain; version=0\.0\.4/)]);
    expect(text).toContain('imc_reviews_total{outcome="CompleteMatch"} 0\n');
  });

  it('listens on this machine only unless told otherwise', async () => {
    const { server } = await aServer();
    expect(server.address().host).toBe('127.0.0.1');
  });

  it.each(['/livez', '/readyz', '/metrics'])('answers HEAD %s without a body', async (path) => {
    const { get } = await aServer();
    expect(await get(path, 'HEAD')).toMatchObject({ status: 200, text: '' });
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s with 405', async (method) => {
    const { get } = await aServer();
    const { status, text, allow } = await get('/metrics', method);
    expect([status, allow]).toEqual([405, 'GET, HEAD']);
    expect(JSON.parse(text)).toMatchObject({ kind: 'Status', reason: 'MethodNotAllowed' });
  });

  it('refuses other paths with 404', async () => {
    const { get } = await aServer();
    const { status, text } = await get('/mutate', 'POST');
    expect(status).toBe(404);
    expect(JSON.parse(text)).toMatchObject({ kind: 'Status', reason: 'NotFound', code: 404 });
  });

  it('answers 500 without a stack when the metrics cannot be read, and logs why', async () => {
    const { get, logger, metrics } = await aServer();
    metrics.read({
      snapshotAgeSeconds: () => undefined,
      objects: () => {
        throw new Error('broken gauge');
      },
      profileValid: () => undefined,
      certificateExpiry: () => undefined,
    });
    const { status, text } = await get('/metrics');
    expect(status).toBe(500);
    expect(text).not.toMatch(/broken|\.ts/);
    expect(logger.of('unexpected failure')).toMatchObject([
      { level: 'error', fields: { err: { message: 'broken gauge' } } },
    ]);
  });

  it('names port and flag when the port is in use', async () => {
    const first = await aServer();
    await expect(aServer({ port: first.server.address().port })).rejects.toThrow(/is in use: .* with --admin-port$/);
  });
});

interface Circumstances {
  readonly synced?: readonly (typeof RESOURCES)[number][];
  readonly notAfter?: Date | undefined;
  readonly problems?: readonly SourceProblem[];
  readonly refused?: string;
  readonly port?: number;
  readonly answering?: boolean;
}

async function aServer(circumstances: Circumstances = {}) {
  const { synced = RESOURCES, problems = [], refused, port = 0, answering = true } = circumstances;
  const store = new ClusterStore();
  for (const resource of synced) store.markSynced(resource);
  const notAfter = 'notAfter' in circumstances ? circumstances.notAfter : new Date(NOW_MS + 1);
  const certificates = {
    current: (): ServingCertificate => {
      if (notAfter === undefined) throw new Error('not started');
      return { certPem: '', keyPem: '', notBefore: new Date(0), notAfter, caPem: undefined };
    },
    problem: () => refused,
  };
  const readiness = new Readiness({ store, source: { problems: () => problems }, certificates, now: () => NOW_MS });
  if (answering) readiness.startAnswering();
  const logger = new RecordingLogger();
  const metrics = new Metrics({
    version: '1',
    outcomes: OUTCOMES,
    resources: RESOURCES,
    restartCauses: [],
    creations: [],
  });
  const server = new OperationsServer({ readiness, metrics, logger });
  onTestFinished(() => server.close());
  await server.start({ port });
  const get = (path: string, method = 'GET') => ask(server.address().port, path, method);
  return { server, readiness, logger, metrics, get };
}

function ask(port: number, path: string, method: string) {
  return new Promise<{ status: number; text: string; type: string; allow: string | undefined }>((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, text, type: headers['content-type'] ?? '', allow: headers.allow });
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
