import type { KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  type CertificateDescription,
  DIGITAL_SIGNATURE,
  describeCertificate,
  isIssuedBy,
  SERVER_AUTH,
} from './certificate-description.ts';

/** What is to be checked. */
export interface CertificateCheckRequest {
  /** The serving certificate, then intermediate certificates, if any. */
  readonly chain: readonly X509Certificate[];
  /** Its key; `undefined` when it is not at hand. */
  readonly key: KeyObject | undefined;
  /** Whether a server has used the key just now, which is proof enough. */
  readonly isServed: boolean;
  /** The CAs clients trust, as in a caBundle; `undefined` when they are not known. */
  readonly authorities: readonly X509Certificate[] | undefined;
  /** DNS names and IP addresses it has to be for. */
  readonly hosts: readonly string[];
  /** How many days it has to last at least. */
  readonly minDays: number;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** One question about a certificate, and its answer. */
export interface CertificateCheck {
  readonly name: 'key pair' | 'names' | 'validity' | 'chain' | 'server use' | 'strength';
  readonly result: 'ok' | 'failed' | 'skipped';
  readonly detail: string;
  /** What to do; empty when all is well. */
  readonly remedy: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Checks what an API server, which follows the rules of Go, asks of the certificate of a webhook. */
export async function checkCertificate(request: CertificateCheckRequest): Promise<CertificateCheck[]> {
  const [leaf] = request.chain;
  if (leaf === undefined) throw new Error('there is no certificate to check');
  const description = await describeCertificate(leaf);
  const path = pathToAuthority(leaf, request);
  const signed = 'authority' in path ? [leaf, ...path.between] : request.chain;
  return [
    checkKeyPair(leaf, request),
    checkNames(leaf, description, request),
    checkValidity('authority' in path ? [...signed, path.authority] : signed, request),
    await checkChain(path, request),
    checkServerUse(description),
    await checkStrength(signed),
  ];
}

function checkKeyPair(leaf: X509Certificate, { key, isServed }: CertificateCheckRequest): CertificateCheck {
  const name = 'key pair';
  if (isServed) return ok(name, 'the server has the key of the certificate');
  if (key === undefined) return skipped(name, 'no key is given', 'give it with --key or --dir');
  if (leaf.checkPrivateKey(key)) return ok(name, 'the key belongs to the certificate');
  return failed(name, 'the key does not belong to the certificate', 'put the two files of one pair together');
}

function checkNames(
  leaf: X509Certificate,
  { names, subject }: CertificateDescription,
  { hosts }: CertificateCheckRequest,
): CertificateCheck {
  const name = 'names';
  if (names.length === 0) {
    return failed(
      name,
      `the certificate is for no host: it has no subject alternative names, and clients no longer look at ${subject || 'its subject'}`,
      'make one that names the host of the webhook, such as NAME.NAMESPACE.svc',
    );
  }
  const missing = hosts.filter((host) => !isFor(leaf, host));
  if (missing.length > 0) {
    return failed(
      name,
      `it is not for ${missing.join(', ')}, but for ${names.join(', ')}`,
      `make one for that too (imc certs generate --host ${missing[0]} …), or call the server by a name it has`,
    );
  }
  if (hosts.length > 0) return ok(name, `it is for ${hosts.join(', ')}`);
  return ok(name, `it is for ${names.join(', ')}; --host asks for others`);
}

function isFor(leaf: X509Certificate, host: string): boolean {
  if (isIP(host) !== 0) return leaf.checkIP(host) !== undefined;
  return leaf.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined;
}

/** Of the certificates on the way to the CA, the first that ends decides. */
function checkValidity(
  path: readonly X509Certificate[],
  { minDays, nowMs }: CertificateCheckRequest,
): CertificateCheck {
  const name = 'validity';
  for (const certificate of path) {
    const which = certificate === path[0] ? 'it' : `the certificate of ${nameOf(certificate)}`;
    const [begins, ends] = [certificate.validFromDate, certificate.validToDate];
    if (ends.getTime() <= nowMs) return failed(name, `${which} ended ${timeText(ends)}`, 'renew it');
    if (begins.getTime() > nowMs) {
      return failed(name, `${which} begins ${timeText(begins)}`, 'check the clock, or use one that is valid now');
    }
    const days = Math.floor((ends.getTime() - nowMs) / DAY_MS);
    if (days < minDays) {
      return failed(
        name,
        `${which} ends ${timeText(ends)}, in ${daysText(days)}, sooner than ${daysText(minDays)}`,
        'renew it',
      );
    }
  }
  const [leaf] = path;
  const ends = leaf?.validToDate ?? new Date(nowMs);
  return ok(name, `it ends ${timeText(ends)}, in ${daysText(Math.floor((ends.getTime() - nowMs) / DAY_MS))}`);
}

/** The way from a certificate to a CA that is trusted, or why there is none. */
type PathToAuthority =
  | {
      readonly between: readonly X509Certificate[];
      readonly authority: X509Certificate;
      /** The certificate is trusted as it is. */
      readonly isItself: boolean;
    }
  | { readonly problem: string; readonly remedy: string };

/** Tries every certificate at hand as the issuer; the ways are short and the certificates few. */
function pathToAuthority(leaf: X509Certificate, { chain, authorities = [] }: CertificateCheckRequest): PathToAuthority {
  const trusted = authorities.find(({ fingerprint256 }) => fingerprint256 === leaf.fingerprint256);
  if (trusted !== undefined) return { between: [], authority: trusted, isItself: true };
  const wrong = new Set<string>();
  const search = (subject: X509Certificate, between: readonly X509Certificate[]): PathToAuthority | undefined => {
    for (const authority of authorities) {
      if (authority.subject !== subject.issuer) continue;
      if (!authority.ca) wrong.add(`${nameOf(authority)} in the bundle is no CA that may sign certificates`);
      else if (!isIssuedBy(subject, authority)) wrong.add('the bundle has another CA of that name, with another key');
      else return { between, authority, isItself: false };
    }
    for (const next of chain) {
      if (next === leaf || between.includes(next) || !next.ca || !isIssuedBy(subject, next)) continue;
      const found = search(next, [...between, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const found = search(leaf, []);
  if (found !== undefined) return found;
  const [reason] = wrong;
  return {
    problem: `no CA of the bundle has signed it: its issuer is ${oneLine(leaf.issuer)}${reason === undefined ? '' : `, and ${reason}`}`,
    remedy:
      'give clients (caBundle, --ca-file) the CA that signed it, and the server the certificates between them, if there are any',
  };
}

async function checkChain(path: PathToAuthority, { authorities }: CertificateCheckRequest): Promise<CertificateCheck> {
  const name = 'chain';
  if (authorities === undefined) return skipped(name, 'no CA is given', 'give the caBundle with --ca-file');
  if ('problem' in path) return failed(name, path.problem, path.remedy);
  const { between, authority, isItself } = path;
  if (isItself) return ok(name, 'the bundle has the certificate itself');
  const issuers = await Promise.all([...between, authority].map(describeCertificate));
  for (const [below, { subject, pathLength }] of issuers.entries()) {
    if (pathLength !== undefined && below > pathLength) {
      const allowed = pathLength === 0 ? 'no CA' : `${pathLength} at most`;
      return failed(
        name,
        `${subject} allows ${allowed} between itself and a certificate, and there are ${below}`,
        'have it signed by that CA itself, or by one that allows more',
      );
    }
  }
  const via = between.length === 0 ? '' : ` by way of ${between.map(nameOf).join(', ')}`;
  return ok(name, `${nameOf(authority)} has signed it${via}`);
}

function checkServerUse({ purposes, keyUsages }: CertificateDescription): CertificateCheck {
  const name = 'server use';
  if (purposes !== undefined && !purposes.includes(SERVER_AUTH) && !purposes.includes('any')) {
    return failed(
      name,
      `it is for ${purposes.join(', ')}, not for servers`,
      'make one with the extended key usage serverAuth',
    );
  }
  if (keyUsages !== undefined && !keyUsages.includes(DIGITAL_SIGNATURE)) {
    return failed(name, 'its key must not sign handshakes', 'make one with the key usage digitalSignature');
  }
  return ok(name, 'it may be used by a server');
}

/** The CA itself is trusted as it is: only what was signed can be forged. */
async function checkStrength(signed: readonly X509Certificate[]): Promise<CertificateCheck> {
  const name = 'strength';
  const descriptions = await Promise.all(signed.map(describeCertificate));
  for (const { key, signature, subject } of descriptions) {
    const [, bits] = /^RSA (\d+)$/.exec(key) ?? [];
    if (bits !== undefined ? Number(bits) < 2048 : !STRONG_KEYS.has(key)) {
      return failed(name, `${subject}: its key is ${key}`, 'use ECDSA P-256, or RSA with 2048 bits or more');
    }
    if (/SHA-1$|MD5/.test(signature)) {
      return failed(
        name,
        `${subject}: it is signed by ${signature}, which clients refuse`,
        'have it signed with SHA-256',
      );
    }
  }
  return ok(name, `${descriptions[0]?.key}, signed by ${descriptions[0]?.signature}`);
}

const STRONG_KEYS: ReadonlySet<string> = new Set(['ECDSA P-256', 'ECDSA P-384', 'ECDSA P-521', 'Ed25519']);

function nameOf({ subject }: X509Certificate): string {
  return oneLine(subject);
}

/** Node writes one part of a name on a line. */
function oneLine(name: string): string {
  return name.split('\n').join(', ') || 'without a name';
}

function timeText(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z');
}

function daysText(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}

function ok(name: CertificateCheck['name'], detail: string): CertificateCheck {
  return { name, result: 'ok', detail, remedy: '' };
}

function skipped(name: CertificateCheck['name'], detail: string, remedy: string): CertificateCheck {
  return { name, result: 'skipped', detail, remedy };
}

function failed(name: CertificateCheck['name'], detail: string, remedy: string): CertificateCheck {
  return { name, result: 'failed', detail, remedy };
}
