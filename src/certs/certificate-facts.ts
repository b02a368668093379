import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { AuthorityFacts, BundleFacts, LeafFacts } from './rotation-plan.ts';

/** A CA as it can be planned with, and as it is written down. */
export interface KnownAuthority extends AuthorityFacts {
  readonly certPem: string;
}

/** What stands in a text of concatenated PEM certificates. */
export interface KnownBundle extends BundleFacts {
  readonly authorities: readonly KnownAuthority[];
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Reads a `caBundle` or a `ca.crt`. Never throws: what is no CA is only said to be there. */
export function readBundle(pem: string): KnownBundle {
  const parts = pem.match(PEM_CERTIFICATE) ?? [];
  const authorities = parts.flatMap((part) => readAuthority(part) ?? []);
  const rest = pem.replace(PEM_CERTIFICATE, '').trim();
  return { authorities, hasOther: rest !== '' || authorities.length < parts.length };
}

/** Writes CAs down one after another. */
export function writeBundle(authorities: readonly KnownAuthority[]): string {
  return authorities.map(({ certPem }) => `${certPem.trim()}\n`).join('');
}

/** A CA with the key that signs for it; undefined if the two are not that. */
export function readAuthorityPair(certPem: string, keyPem: string): KnownAuthority | undefined {
  const authority = readAuthority(certPem);
  return authority !== undefined && belongTogether(certPem, keyPem) ? authority : undefined;
}

/**
 * A serving certificate with its key; undefined if the two are not that.
 *
 * @param hosts - the names it has to be for.
 */
export function readLeaf(
  certPem: string,
  keyPem: string,
  authorities: readonly KnownAuthority[],
  hosts: readonly string[],
): LeafFacts | undefined {
  const certificate = parse(certPem);
  if (certificate === undefined || !belongTogether(certPem, keyPem)) return undefined;
  return {
    issuer: issuerOf(certificate, authorities),
    ...lifetimeOf(certificate),
    coversHosts: hosts.every(
      (host) => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined,
    ),
  };
}

/** Which of these CAs signed a certificate in PEM or DER; undefined if none did. */
export function signerOf(certificate: string | Buffer, authorities: readonly KnownAuthority[]): string | undefined {
  const parsed = parse(certificate);
  return parsed === undefined ? undefined : issuerOf(parsed, authorities);
}

function issuerOf(certificate: X509Certificate, authorities: readonly KnownAuthority[]): string | undefined {
  return authorities.find(({ certPem }) => {
    const authority = parse(certPem);
    return authority !== undefined && certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  })?.id;
}

function readAuthority(certPem: string): KnownAuthority | undefined {
  const certificate = parse(certPem);
  if (certificate === undefined || !certificate.ca) return undefined;
  return { id: certificate.fingerprint256, certPem: `${certPem.trim()}\n`, ...lifetimeOf(certificate) };
}

function lifetimeOf(certificate: X509Certificate): { notBeforeMs: number; notAfterMs: number } {
  return { notBeforeMs: certificate.validFromDate.getTime(), notAfterMs: certificate.validToDate.getTime() };
}

function belongTogether(certPem: string, keyPem: string): boolean {
  try {
    return new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

function parse(certificate: string | Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(certificate);
  } catch {
    return undefined;
  }
}
