import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServingCertificate } from '../../src/certs/certificate-source.ts';
import { SecretCertificateSource } from '../../src/certs/secret-certificate-source.ts';
import type { SecretWatch, StoredSecret } from '../../src/certs/secret-store.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { aPair, aPairMade } from './pairs.ts';
import { until } from './until.ts';

describe('SecretCertificateSource (spec S1)', () => {
  it('waits for the first pair that can be served, and says for what', async () => {
    const { source, watch, start, logger } = aSource();
    let isStarted = false;
    void start().then(() => {
      isStarted = true;
    });
    expect(source.problem()).toBe('Secret imc-tls has not been read yet');
    watch.tell(undefined);
    expect(source.problem()).toMatch(/^Secret imc-tls is not there: imc controller makes it/);
    watch.tell({ 'tls.crt': '', 'tls.key': '', 'ca.crt': 'x' });
    expect(source.problem()).toMatch(/^Secret imc-tls holds no certificate yet/);
    watch.tell({ 'tls.crt': 'x', 'tls.key': 'y' });
    expect(source.problem()).toMatch(/^Secret imc-tls, tls\.crt: no certificate in PEM form found/);
    expect(() => source.current()).toThrow('no certificate yet');
    expect(isStarted).toBe(false);
    const pair = await aPair();
    watch.tell(dataOf(pair));
    await until(() => isStarted);
    expect(source.problem()).toBeUndefined();
    expect(source.current()).toMatchObject({ certPem: pair.certPem, notAfter: pair.notAfter, caPem: pair.caPem });
    expect(logger.of('no certificate to serve yet')).toHaveLength(3);
  });

  it('follows new pairs, and tells nobody of the same one', async () => {
    const { source, watch, changes } = await started();
    const second = await aPair();
    watch.tell(dataOf(second));
    watch.tell({ ...dataOf(second), 'ca.crt': 'other' });
    expect(source.current().certPem).toBe(second.certPem);
    expect(changes.map(({ certPem }) => certPem)).toEqual([second.certPem]);
  });

  it.each<[string, () => Promise<Record<string, string> | undefined>, RegExp]>([
    ['is gone', () => Promise.resolve(undefined), /is not there/],
    ['is garbage', () => Promise.resolve({ 'tls.crt': 'x', 'tls.key': 'y' }), /no certificate in PEM form/],
    [
      'is half a pair',
      async () => ({ ...dataOf(await aPair()), 'tls.key': (await aPair()).keyPem }),
      /does not belong/,
    ],
    ['has ended', async () => dataOf(await aPairMade(-400)), /the certificate ended/],
    ['begins tomorrow', async () => dataOf(await aPairMade(1)), /the certificate begins/],
  ])('keeps the old pair when the Secret %s, and recovers', async (_what, bad, problem) => {
    const { source, watch, changes, first, logger } = await started();
    const data = await bad();
    watch.tell(data);
    watch.tell(data);
    expect(source.current().certPem).toBe(first.certPem);
    expect(source.problem()).toMatch(problem);
    expect(logger.of('certificate refused, the old one stays')).toHaveLength(1);
    watch.tell(dataOf(first));
    expect(source.problem()).toBeUndefined();
    expect(changes).toEqual([]);
  });

  it('takes a pair from a clock that is fast as soon as it has begun', async () => {
    let nowMs = Date.now();
    const { source, watch } = await started({ now: () => nowMs, retryIntervalMs: 5 });
    const early = await aPairMade(1);
    watch.tell(dataOf(early));
    expect(source.problem()).toMatch(/begins/);
    nowMs = early.notBefore.getTime();
    await until(() => source.current().certPem === early.certPem);
  });

  it('ends its watch at the stop, can be stopped twice, and lets go of whoever waits', async () => {
    const { source, watch, start } = aSource();
    const starting = start();
    await until(() => watch.isFollowed);
    await source.stop();
    await source.stop();
    await expect(starting).rejects.toMatchObject({ code: 'ERR_CERTIFICATE_INVALID' });
    expect(watch.isFollowed).toBe(false);
  });

  it('lets no handshake fail while 25 certificates follow each other under load', async () => {
    const { source, watch, first } = await started();
    const server = createServer({ cert: first.certPem, key: first.keyPem }, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    source.onChange(({ certPem, keyPem }) => server.setSecureContext({ cert: certPem, key: keyPem }));
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const served = new Set<string>();
    const ending = new AbortController();
    const client = async (): Promise<number> => {
      let calls = 0;
      while (!ending.signal.aborted) {
        const socket = connect({ host: '127.0.0.1', port, ca: first.caPem ?? '', servername: 'localhost' });
        await once(socket, 'secureConnect');
        served.add(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
        socket.write('review');
        await once(socket, 'data');
        socket.end();
        await once(socket, 'close');
        calls++;
      }
      return calls;
    };
    const clients = [client(), client(), client()];
    for (let rotation = 1; rotation <= 25; rotation++) {
      watch.tell(dataOf(await aPair()));
      // Each one is seen by somebody before the next comes.
      await Promise.race([until(() => served.size > rotation), ...clients]);
    }
    ending.abort();
    const calls = await Promise.all(clients);
    expect(served.size).toBe(26);
    expect(Math.min(...calls)).toBeGreaterThan(0);
  });
});

type Options = Partial<ConstructorParameters<typeof SecretCertificateSource>[0]>;

function aSource(options: Options = {}) {
  const logger = new RecordingLogger();
  const watch = new SteeredWatch();
  const source = new SecretCertificateSource({ secrets: watch, secretName: 'imc-tls', logger, ...options });
  const changes: ServingCertificate[] = [];
  source.onChange((certificate) => changes.push(certificate));
  onTestFinished(() => source.stop());
  return { source, watch, changes, logger, start: () => source.start() };
}

async function started(options: Options = {}) {
  const made = aSource(options);
  const first = await aPair();
  const starting = made.start();
  made.watch.tell(dataOf(first));
  await starting;
  return { ...made, first };
}

function dataOf({ certPem, keyPem, caPem = '' }: ServingCertificate): Record<string, string> {
  return { 'tls.crt': certPem, 'tls.key': keyPem, 'ca.crt': caPem };
}

class SteeredWatch implements SecretWatch {
  isFollowed = false;
  #listener: (secret: StoredSecret | undefined) => void = () => {};
  #version = 0;

  follow(_name: string, listener: (secret: StoredSecret | undefined) => void): Promise<() => Promise<void>> {
    this.isFollowed = true;
    this.#listener = listener;
    return Promise.resolve(() => {
      this.isFollowed = false;
      return Promise.resolve();
    });
  }

  tell(data: Record<string, string> | undefined): void {
    this.#listener(data && { resourceVersion: String(++this.#version), labels: {}, data });
  }
}
