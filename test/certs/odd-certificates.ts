import 'reflect-metadata';
import { KeyObject } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate and its keys, for signing others. */
export interface OddCertificate {
  readonly pem: string;
  readonly keyPem: string;
  readonly name: string;
  readonly keys: CryptoKeyPair;
  readonly algorithm: KeyAlgorithm;
}

type CryptoKeyPair = Awaited<ReturnType<typeof generateKeys>>;

/** How a certificate differs from a good one. */
export interface Oddities {
  readonly name?: string;
  readonly isCa?: boolean;
  readonly pathLength?: number;
  readonly hosts?: readonly string[];
  readonly purposes?: readonly ExtendedKeyUsage[];
  readonly keyUsages?: KeyUsageFlags;
  readonly algorithm?: KeyAlgorithm;
  /** Days from now. */
  readonly begins?: number;
  readonly ends?: number;
}

type KeyAlgorithm = keyof typeof ALGORITHMS;

const ALGORITHMS = {
  'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  Ed25519: { name: 'Ed25519' },
  'RSA 2048': rsa(2048, 'SHA-256'),
  'RSA 1024': rsa(1024, 'SHA-256'),
  'RSA 2048, SHA-1': rsa(2048, 'SHA-1'),
} as const;

function rsa(modulusLength: number, hash: string) {
  return { name: 'RSASSA-PKCS1-v1_5', hash, modulusLength, publicExponent: new Uint8Array([1, 0, 1]) };
}

let serial = 1;

/** Makes a certificate; signed by itself unless an issuer is given. */
export async function anOddCertificate(oddities: Oddities = {}, issuer?: OddCertificate): Promise<OddCertificate> {
  const { name = `CN=odd ${serial}`, isCa = false, hosts, begins = -1, ends = 100, algorithm = 'P-256' } = oddities;
  const { purposes = isCa ? undefined : [ExtendedKeyUsage.serverAuth], keyUsages } = oddities;
  const keys = await generateKeys(algorithm);
  const extensions: Extension[] = [new BasicConstraintsExtension(isCa, oddities.pathLength, true)];
  if (hosts !== undefined) {
    extensions.push(new SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns', value }))));
  }
  if (purposes !== undefined) extensions.push(new ExtendedKeyUsageExtension([...purposes]));
  if (keyUsages !== undefined) extensions.push(new KeyUsagesExtension(keyUsages, true));
  serial += 1;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial.toString(16).padStart(2, '0'),
    subject: name,
    issuer: issuer?.name ?? name,
    notBefore: daysFromNow(begins),
    notAfter: daysFromNow(ends),
    signingAlgorithm: ALGORITHMS[issuer?.algorithm ?? algorithm],
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    extensions,
  });
  const keyPem = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  return { pem: `${certificate.toString('pem')}\n`, keyPem, name, keys, algorithm };
}

async function generateKeys(algorithm: KeyAlgorithm) {
  const keys = await crypto.subtle.generateKey(ALGORITHMS[algorithm], true, ['sign', 'verify']);
  if (!('privateKey' in keys)) throw new Error('a pair was asked for');
  return keys;
}

function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * 24 * 60 * 60 * 1000);
}
