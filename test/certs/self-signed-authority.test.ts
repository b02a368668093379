import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ServingCertificate } from '../../src/certs/certificate-source.ts';
import type { CertificateAuthority } from '../../src/certs/self-signed-authority.ts';
import { createAuthority, issueServingCertificate } from '../../src/certs/self-signed-authority.ts';
import { checkServingPair } from '../../src/certs/serving-pair.ts';
import { aPair, HOSTS } from './pairs.ts';
import { isTrusted, strictProblems } from './strict-client.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00Z');

describe('self-signed authority (spec S1)', () => {
  let authority: CertificateAuthority;
  let leaf: ServingCertificate;

  beforeAll(async () => {
    authority = await createAuthority(NOW_MS);
    leaf = await issueServingCertificate(authority, HOSTS, NOW_MS);
  });

  it('is a CA for ten years, and the certificate lasts one; both begin five minutes ago', () => {
    const ca = new X509Certificate(authority.certPem);
    const certificate = new X509Certificate(leaf.certPem);
    expect(ca.ca).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(ca.validFromDate.toISOString()).toBe('2026-03-01T11:55:00.000Z');
    expect(ca.validToDate.toISOString()).toBe('2036-03-01T12:00:00.000Z');
    expect(certificate.validFromDate.toISOString()).toBe('2026-03-01T11:55:00.000Z');
    expect(certificate.validToDate.toISOString()).toBe('2027-03-01T12:00:00.000Z');
    expect([leaf.notBefore, leaf.notAfter]).toEqual([certificate.validFromDate, certificate.validToDate]);
    expect(leaf.caPem).toBe(authority.certPem);
  });

  it('uses P-256 keys and serials of 127 bits', () => {
    for (const pem of [authority.certPem, leaf.certPem]) {
      const { publicKey, serialNumber } = new X509Certificate(pem);
      expect(publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
      expect(serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    }
  });

  it.each(HOSTS)('names %s', (host) => {
    const certificate = new X509Certificate(leaf.certPem);
    const found = /^[\d.]+$|:/.test(host) ? certificate.checkIP(host) : certificate.checkHost(host);
    expect(found).toBeDefined();
  });

  it('makes a pair that can be served', () => {
    const pair = { certPem: leaf.certPem, keyPem: leaf.keyPem, certName: 'tls.crt', keyName: 'tls.key' };
    expect(checkServingPair(pair, NOW_MS).notAfter).toEqual(leaf.notAfter);
  });

  it('never signs beyond its own end', async () => {
    const nearTheEnd = Date.parse('2035-12-01T00:00:00Z');
    const last = await issueServingCertificate(authority, HOSTS, nearTheEnd);
    expect(last.notAfter).toEqual(authority.notAfter);
  });

  it('has all that the strictest clients ask for', async () => {
    expect(await strictProblems(authority.certPem, leaf.certPem)).toEqual([]);
  });

  it.each(HOSTS.filter((host) => isIP(host) === 0))('is trusted by clients that ask for %s', async (host) => {
    const pair = await aPair();
    expect(await isTrusted(pair, host)).toBe(true);
    expect(await isTrusted({ ...pair, caPem: authority.certPem }, host)).toBe(false);
  });

  it('is not trusted by clients that ask for another host', async () => {
    expect(await isTrusted(await aPair(), 'elsewhere.svc')).toBe(false);
  });
});
