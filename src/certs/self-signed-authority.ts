import type { webcrypto } from 'node:crypto';
import { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import type { ServingCertificate } from './certificate-source.ts';
import { loadX509 } from './load-x509.ts';

/** A CA of our own, to be kept where its key is safe. */
export interface CertificateAuthority {
  readonly certPem: string;
  readonly keyPem: string;
  readonly notAfter: Date;
}

const CA_NAME = 'CN=eci-imagecache-webhook CA';
const LEAF_NAME = 'CN=eci-imagecache-webhook';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' };

/** Clocks differ: certificates begin this much before they are made. */
const BACKDATED_MS = 5 * 60 * 1000;
const CA_YEARS = 10;
const LEAF_DAYS = 365;
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Makes a CA that can sign serving certificates and nothing below them.
 *
 * @param nowMs - milliseconds since the epoch.
 */
export async function createAuthority(nowMs: number): Promise<CertificateAuthority> {
  const x509 = await loadX509();
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const notAfter = yearsAfter(nowMs, CA_YEARS);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: CA_NAME,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter,
    signingAlgorithm: SIGNING_ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: pemOf(certificate), keyPem: exportKey(keys.privateKey), notAfter };
}

/**
 * Makes a serving certificate with a key of its own.
 *
 * @param hosts - the DNS names and IP addresses it is for; at least one.
 * @param nowMs - milliseconds since the epoch.
 * @param validDays - it ends after so many days, or with the authority; nor does it begin before the authority.
 */
export async function issueServingCertificate(
  authority: CertificateAuthority,
  hosts: readonly string[],
  nowMs: number,
  validDays: number = LEAF_DAYS,
): Promise<ServingCertificate> {
  const x509 = await loadX509();
  const authorityCertificate = new x509.X509Certificate(authority.certPem);
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const notBefore = later(new Date(nowMs - BACKDATED_MS), authorityCertificate.notBefore);
  const notAfter = earlier(new Date(nowMs + validDays * DAY_MS), authority.notAfter);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: LEAF_NAME,
    issuer: authorityCertificate.subject,
    notBefore,
    notAfter,
    signingAlgorithm: SIGNING_ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authorityCertificate),
    ],
  });
  return {
    certPem: pemOf(certificate),
    keyPem: exportKey(keys.privateKey),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    caPem: authority.certPem,
  };
}

/** 127 bits, the highest set: positive, and of the same length always. */
function randomSerial(): string {
  const bytes = crypto.getRandomValues(Buffer.alloc(16));
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

function yearsAfter(nowMs: number, years: number): Date {
  const date = new Date(nowMs);
  date.setUTCFullYear(date.getUTCFullYear() + years);
  return date;
}

function later(one: Date, other: Date): Date {
  return one > other ? one : other;
}

function earlier(one: Date, other: Date): Date {
  return one < other ? one : other;
}

function pemOf(certificate: { toString(format: 'pem'): string }): string {
  return `${certificate.toString('pem')}\n`;
}

function exportKey(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
  return crypto.subtle.importKey('pkcs8', der, KEY_ALGORITHM, false, ['sign']);
}
