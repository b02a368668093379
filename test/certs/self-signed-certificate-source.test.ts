import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SelfSignedOptions } from '../../src/certs/self-signed-certificate-source.ts';
import { SelfSignedCertificateSource } from '../../src/certs/self-signed-certificate-source.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { aFolder, HOSTS } from './pairs.ts';
import { until } from './until.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('SelfSignedCertificateSource (spec S1)', () => {
  it('makes a certificate that its CA has signed, and writes the CA for clients', async () => {
    const folder = aFolder();
    const source = await started({ caOut: join(folder, 'ca.crt') });
    const { certPem, caPem = '' } = source.current();
    expect(readdirSync(folder)).toEqual(['ca.crt']);
    expect(readFileSync(join(folder, 'ca.crt'), 'utf8')).toBe(caPem);
    expect(new X509Certificate(certPem).verify(new X509Certificate(caPem).publicKey)).toBe(true);
  });

  it('renews the certificate at two thirds of its life, from the same CA', async () => {
    const startMs = Date.now();
    let nowMs = startMs;
    let readings = 0;
    const now = (): number => {
      readings++;
      return nowMs;
    };
    const source = await started({ now, checkIntervalMs: 5 });
    const first = source.current();
    const renewed: string[] = [];
    source.onChange(({ certPem }) => renewed.push(certPem));

    nowMs = startMs + 240 * DAY_MS;
    readings = 0;
    await until(() => readings >= 2);
    expect(source.current()).toBe(first);

    nowMs = startMs + 245 * DAY_MS;
    await until(() => source.current() !== first);
    const second = source.current();
    expect(renewed).toEqual([second.certPem]);
    expect(second.caPem).toBe(first.caPem);
    expect(second.notAfter.getTime()).toBeGreaterThan(first.notAfter.getTime());
    expect(new X509Certificate(second.certPem).verify(new X509Certificate(first.caPem ?? '').publicKey)).toBe(true);
  });

  it('fails at the start when the CA cannot be written, naming the file and what to do', async () => {
    const caOut = join(aFolder(), 'missing', 'ca.crt');
    await expect(started({ caOut })).rejects.toMatchObject({
      code: 'ERR_CERTIFICATE_INVALID',
      message: expect.stringMatching(/ca\.crt: the CA cannot be written \(ENOENT.*\): choose another place for it$/),
    });
  });

  it('has no certificate before the start', () => {
    const source = new SelfSignedCertificateSource({ hosts: HOSTS, logger: new RecordingLogger() });
    expect(() => source.current()).toThrow('has not been started');
  });
});

async function started(options: Partial<SelfSignedOptions>): Promise<SelfSignedCertificateSource> {
  const source = new SelfSignedCertificateSource({ hosts: HOSTS, logger: new RecordingLogger(), ...options });
  onTestFinished(() => source.stop());
  await source.start();
  return source;
}
