import 'reflect-metadata';
import { KeyObject, X509Certificate } from 'node:crypto';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { BasicConstraintsExtension, X509CertificateGenerator } from '@peculiar/x509';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServingCertificate } from '../../src/certs/certificate-source.ts';
import { certificateFilesIn, FileCertificateSource } from '../../src/certs/file-certificate-source.ts';
import { aFolder, aPair } from '../certs/pairs.ts';
import { until } from '../certs/until.ts';
import type { Reply } from '../server/harness.ts';
import { anAgent, aServer, call, fingerprintOf, RawConnection } from '../server/harness.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';

describe('TLS of the admission server (spec S1)', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    const { port, ca } = await aServer();
    expect((await call({ port, ca, tls: { minVersion: version, maxVersion: version } })).status).toBe(200);
  });

  it('refuses TLS 1.1, after a certificate swap too', async () => {
    const { port, ca, certificates } = await aServer();
    const tls = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(call({ port, ca, tls })).rejects.toThrow(/protocol version/i);
    certificates.replace(await aPair());
    await expect(call({ port, ca, tls })).rejects.toThrow(/protocol version/i);
  });

  it('speaks HTTP/1.1 with callers that offer HTTP/2 first', async () => {
    const { port, ca } = await aServer();
    const { socket } = await RawConnection.secure(port, ca, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(socket).toHaveProperty('alpnProtocol', 'http/1.1');
  });

  it('serves only callers with a certificate of the client CA, if there is one', async () => {
    const client = await aClientCertificate();
    const { port, ca, certificates } = await aServer({ clientCaPem: client.cert });
    const stranger = await aPair();
    for (const swapped of [false, true]) {
      if (swapped) certificates.replace(await aPair());
      expect((await call({ port, ca, tls: client })).status).toBe(200);
      await expect(call({ port, ca })).rejects.toThrow();
      await expect(call({ port, ca, tls: { cert: stranger.certPem, key: stranger.keyPem } })).rejects.toThrow();
    }
  });

  it('logs a caller that does not trust our CA', async () => {
    const { port, logger } = await aServer();
    // A client in Node.js looks at certificates after the handshake only; others, as that of Go, end it with this alert.
    const connection = RawConnection.plain(port);
    connection.socket.write(await clientHello());
    await until(() => connection.text !== '');
    connection.socket.write(UNKNOWN_CA);
    await until(() => logger.of('connection ended').length > 0);
    const code = expect.stringMatching(/^ERR_SSL_.*UNKNOWN_CA$/);
    expect(logger.of('connection ended')).toMatchObject([{ level: 'warn', fields: { code } }]);
  });
});

describe('certificate swap (spec S1)', () => {
  it('loses no request under load; new connections see the new certificate, open ones live on', async () => {
    const { port, ca, certificates, logger } = await aServer();
    const agent = anAgent(4);
    const kept = await Promise.all(Array.from({ length: 4 }, () => call({ port, ca, agent })));
    const portsBefore = new Set(kept.map(({ localPort }) => localPort));

    const over = new AbortController();
    const replies: Reply[] = [];
    const load = Array.from({ length: 8 }, async (_, i) => {
      while (!over.signal.aborted) replies.push(await call({ port, ca, ...(i % 2 === 0 ? { agent } : {}) }));
    });
    for (let swap = 0; swap < 5; swap++) {
      const next = await aPair();
      certificates.replace(next);
      expect((await call({ port, ca })).certificate).toBe(fingerprint(next));
      const soFar = replies.length;
      await until(() => replies.length > soFar + 20);
    }
    over.abort();
    await Promise.all(load);

    expect(replies.every(({ status }) => status === 200)).toBe(true);
    expect(new Set(replies.map(({ certificate }) => certificate)).size).toBeGreaterThanOrEqual(5);
    expect(portsBefore).toContain((await call({ port, ca, agent })).localPort);
    expect(logger.of('error')).toEqual([]);
  });

  it('keeps the old certificate when the new one cannot be used', async () => {
    const { port, ca, certificates, logger } = await aServer();
    const { certificate } = await call({ port, ca });
    certificates.replace({ ...(await aPair()), keyPem: 'garbage' });
    expect((await call({ port, ca })).certificate).toBe(certificate);
    expect(logger.of('certificate not taken, the old one stays')).toHaveLength(1);
  });

  it('follows a mounted Secret from the ..data swap to the next connection, and past a bad pair', async () => {
    const folder = aFolder();
    const first = await aPair();
    mountSecret(folder, first);
    for (const file of ['tls.crt', 'tls.key']) symlinkSync(join('..data', file), join(folder, file));
    const source = new FileCertificateSource({ ...certificateFilesIn(folder), logger: new RecordingLogger() });
    onTestFinished(() => source.stop());
    await source.start();
    const { port, ca } = await aServer({ certificates: source });
    expect((await call({ port, ca })).certificate).toBe(fingerprint(first));

    mountSecret(folder, { ...first, certPem: (await aPair()).certPem });
    await until(() => source.problem() !== undefined);
    expect((await call({ port, ca })).certificate).toBe(fingerprint(first));

    const second = await aPair();
    mountSecret(folder, second);
    await until(() => source.current().certPem === second.certPem);
    expect((await call({ port, ca })).certificate).toBe(fingerprint(second));
  });
});

/** A record of TLS 1.2 with the fatal alert 48. */
const UNKNOWN_CA = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 48]);

/** The first message of a client that speaks TLS 1.2, where alerts during the handshake go unencrypted. */
async function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const wire = new Duplex({ read: () => {}, write: (chunk: Buffer) => resolve(chunk) });
  const client = connectTls({ socket: wire, maxVersion: 'TLSv1.2' });
  client.on('error', () => {});
  onTestFinished(() => void client.destroy());
  return promise;
}

/** It signs itself, so it is its own CA. */
async function aClientCertificate(): Promise<{ readonly cert: string; readonly key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=client',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  return { cert: certificate.toString('pem'), key };
}

/** What the kubelet does to a mounted Secret. */
function mountSecret(folder: string, { certPem, keyPem }: ServingCertificate): void {
  const version = `..${process.hrtime.bigint()}`;
  mkdirSync(join(folder, version));
  writeFileSync(join(folder, version, 'tls.crt'), certPem);
  writeFileSync(join(folder, version, 'tls.key'), keyPem);
  symlinkSync(version, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
}

function fingerprint({ certPem }: ServingCertificate): string {
  return fingerprintOf(new X509Certificate(certPem).raw);
}
