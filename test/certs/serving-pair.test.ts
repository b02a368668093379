import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { CertificateError } from '../../src/certs/certificate-error.ts';
import type { ServingCertificate } from '../../src/certs/certificate-source.ts';
import type { PemPair } from '../../src/certs/serving-pair.ts';
import { checkServingPair } from '../../src/certs/serving-pair.ts';
import { aPair } from './pairs.ts';

describe('checkServingPair (spec S1)', () => {
  let good: ServingCertificate;
  let pair: PemPair;

  beforeAll(async () => {
    good = await aPair();
    pair = { certPem: good.certPem, keyPem: good.keyPem, certName: 'a/tls.crt', keyName: 'a/tls.key' };
  });

  it('takes a good pair and tells its time', () => {
    const { certPem, keyPem, notAfter } = checkServingPair(pair, Date.now());
    expect([certPem, keyPem]).toEqual([good.certPem, good.keyPem]);
    expect(notAfter).toEqual(good.notAfter);
  });

  it('takes a chain, and a key in the older form of openssl', async () => {
    const { caPem } = await aPair();
    const sec1 = createPrivateKey(good.keyPem).export({ type: 'sec1', format: 'pem' }).toString();
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const chain = { ...pair, certPem: `${good.certPem}${caPem}`, keyPem: `${parameters}${sec1}` };
    expect(checkServingPair(chain, Date.now()).certPem).toContain(caPem);
  });

  it('takes a certificate that begins within five minutes: clocks differ', () => {
    const { notBefore } = checkServingPair(pair, Date.now());
    expect(checkServingPair(pair, notBefore.getTime() - 299_000)).toBeDefined();
  });

  it.each<[string, () => Partial<PemPair>, RegExp]>([
    ['garbage for a certificate', () => ({ certPem: 'x' }), /^a\/tls\.crt: no certificate in PEM form found: write/],
    ['an empty certificate', () => ({ certPem: '' }), /^a\/tls\.crt: no certificate/],
    ['half a certificate', () => ({ certPem: good.certPem.slice(0, 300) }), /^a\/tls\.crt: no certificate/],
    ['garbage for a key', () => ({ keyPem: 'x' }), /^a\/tls\.key: no private key in PEM form found: write/],
    ['a certificate for a key', () => ({ keyPem: good.certPem }), /^a\/tls\.key: no private key/],
    ['an encrypted key', () => ({ keyPem: encryptedKey() }), /^a\/tls\.key: the key is encrypted: write it without/],
    [
      'the key of another',
      () => ({ keyPem: otherKey() }),
      /^a\/tls\.key: the key does not belong to .* a\/tls\.crt: put/,
    ],
    [
      'garbage after the certificate',
      () => ({ certPem: withBrokenChain(good.certPem) }),
      /^a\/tls\.crt: the TLS library/,
    ],
  ])('refuses %s, naming the file and what to do', (_what, change, message) => {
    const check = (): unknown => checkServingPair({ ...pair, ...change() }, Date.now());
    expect(check).toThrow(CertificateError);
    expect(check).toThrow(message);
  });

  it('refuses a certificate that has ended, or is far from beginning', () => {
    expect(() => checkServingPair(pair, good.notAfter.getTime())).toThrow(
      /^a\/tls\.crt: the certificate ended .*: renew/,
    );
    const before = good.notBefore.getTime() - 301_000;
    expect(() => checkServingPair(pair, before)).toThrow(/^a\/tls\.crt: the certificate begins .*: check the clock/);
  });
});

function otherKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

function encryptedKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
  return privateKey.export(options).toString();
}

function withBrokenChain(certPem: string): string {
  return `${certPem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`;
}
