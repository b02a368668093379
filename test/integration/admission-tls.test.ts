import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServingCertificate } from '../../src/certs/certificate-source.ts';
import { certificateFilesIn, FileCertificateSource } from '../../src/certs/file-certificate-source.ts';
import { createAuthority } from '../../src/certs/self-signed-authority.ts';
import { aFolder, aPair } from '../certs/pairs.ts';
import { until } from '../certs/until.ts';
import type { Reply } from '../server/harness.ts';
import { anAgent, aServer, call, fingerprintOf, RawConnection } from '../server/harness.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';

const run = promisify(execFile);

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
    // A client in Node.js looks at certificates after the handshake only; openssl tells us what it thinks, as Go does.
    const folder = aFolder();
    writeFileSync(join(folder, 'ca.crt'), (await createAuthority(Date.now())).certPem);
    const options = ['-connect', `127.0.0.1:${port}`, '-CAfile', join(folder, 'ca.crt'), '-verify_return_error'];
    await expect(run('openssl', ['s_client', ...options])).rejects.toThrow();
    await until(() => logger.of('connection ended').length > 0);
    const code = expect.stringMatching(/^ERR_SSL/);
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

/** It signs itself, so it is its own CA. */
async function aClientCertificate(): Promise<{ readonly cert: string; readonly key: string }> {
  const folder = aFolder();
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
  await run('openssl', ['req', '-x509', '-subj', '/CN=client', '-out', 'cert.pem', ...key], { cwd: folder });
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  return { cert: read('cert.pem'), key: read('key.pem') };
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
