import type { KeyObject, X509Certificate } from 'node:crypto';
import { loadX509 } from './load-x509.ts';

/** What there is to know of a certificate, for people and programs. */
export interface CertificateDescription {
  /** `CN=eci-imagecache-webhook`, the parts separated by commas. */
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: string;
  /** Hosts it is for: `DNS:localhost`, `IP:::1`. */
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** `ECDSA P-256`, `RSA 2048`, `Ed25519`. */
  readonly key: string;
  /** `ECDSA with SHA-256` */
  readonly signature: string;
  /** SHA-256 of the whole certificate, in pairs of hex digits. */
  readonly fingerprint: string;
  readonly isCa: boolean;
  /** How many CAs may stand between this one and a certificate; `undefined` if any number. */
  readonly pathLength: number | undefined;
  /** What its key may do, such as `digital signature`; `undefined` if anything. */
  readonly keyUsages: readonly string[] | undefined;
  /** What it may be used for; `undefined` if anything. */
  readonly purposes: readonly string[] | undefined;
}

/** A certificate, where it stands, and how it belongs to others that were read with it. */
export interface PlacedCertificate extends CertificateDescription {
  /** The file or server it comes from. */
  readonly source: string;
  /** 1 for the first certificate of its source. */
  readonly position: number;
  /** Which of the certificates signed it, itself included. */
  readonly signedBy: { readonly source: string; readonly position: number } | undefined;
  /** Name of the key that belongs to it. */
  readonly keySource: string | undefined;
}

/** Certificates of one file or server, in their order. */
export interface CertificateGroup {
  readonly source: string;
  readonly certificates: readonly X509Certificate[];
}

/** Describes certificates of several sources, in their order. */
export async function describeCertificates(
  groups: readonly CertificateGroup[],
  keys: readonly { readonly source: string; readonly key: KeyObject }[],
): Promise<PlacedCertificate[]> {
  const all = groups.flatMap(({ source, certificates }) =>
    certificates.map((certificate, i) => ({ source, position: i + 1, certificate })),
  );
  return Promise.all(
    all.map(async ({ source, position, certificate }) => {
      const issuer = all.find((other) => isIssuedBy(certificate, other.certificate));
      return {
        source,
        position,
        ...(await describeCertificate(certificate)),
        signedBy: issuer && { source: issuer.source, position: issuer.position },
        keySource: keys.find(({ key }) => certificate.checkPrivateKey(key))?.source,
      };
    }),
  );
}

/** Whether the names fit and the signature is right; of two CAs with one name, only one has signed. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.issuer === issuer.subject && certificate.verify(issuer.publicKey);
  } catch {
    return false; // a key of another kind than the signature
  }
}

/** Describes a certificate. */
export async function describeCertificate(certificate: X509Certificate): Promise<CertificateDescription> {
  const x509 = await loadX509();
  const parsed = new x509.X509Certificate(certificate.raw);
  const usages = parsed.getExtension(x509.KeyUsagesExtension)?.usages;
  const purposes = parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String);
  const names = parsed.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  return {
    subject: parsed.subject,
    issuer: parsed.issuer,
    serialNumber: certificate.serialNumber.toLowerCase(),
    names: names.map(({ type, value }) => `${type === 'dns' || type === 'ip' ? type.toUpperCase() : type}:${value}`),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    key: describeKey(certificate.publicKey),
    signature: describeSignature(parsed.signatureAlgorithm),
    fingerprint: certificate.fingerprint256,
    isCa: certificate.ca,
    pathLength: parsed.getExtension(x509.BasicConstraintsExtension)?.pathLength,
    keyUsages:
      usages === undefined ? undefined : KEY_USAGES.filter(([, bit]) => (usages & bit) !== 0).map(([name]) => name),
    purposes: purposes?.map((purpose) => PURPOSES[purpose] ?? purpose),
  };
}

/** What the key of a server has to be allowed. */
export const DIGITAL_SIGNATURE = 'digital signature';

/** RFC 5280, 4.2.1.3 */
const KEY_USAGES: readonly (readonly [string, number])[] = [
  [DIGITAL_SIGNATURE, 1],
  ['non-repudiation', 2],
  ['key encipherment', 4],
  ['data encipherment', 8],
  ['key agreement', 16],
  ['certificate signing', 32],
  ['CRL signing', 64],
  ['encipher only', 128],
  ['decipher only', 256],
];

/** What a server has to be allowed. */
export const SERVER_AUTH = 'server';

const PURPOSES: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': SERVER_AUTH,
  '1.3.6.1.5.5.7.3.2': 'client',
  '2.5.29.37.0': 'any',
};

function describeKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  switch (asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      return `RSA ${asymmetricKeyDetails?.modulusLength}`;
    case 'ec': {
      const curve = asymmetricKeyDetails?.namedCurve ?? 'of an unnamed curve';
      return `ECDSA ${CURVES[curve] ?? curve}`;
    }
    case 'ed25519':
      return 'Ed25519';
    default:
      return asymmetricKeyType ?? 'unknown';
  }
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

function describeSignature(algorithm: object): string {
  const hash = 'hash' in algorithm && typeof algorithm.hash === 'object' ? algorithm.hash : undefined;
  return [algorithm, hash].flatMap((part) => (part && 'name' in part ? [String(part.name)] : [])).join(' with ');
}
