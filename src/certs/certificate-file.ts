import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { CertificateError } from './certificate-error.ts';

/**
 * Reads the certificates of a PEM file in their order; there is at least one.
 *
 * @param name - the file as the user named it.
 * @throws CertificateError saying what the file holds instead, and what to do.
 */
export function readCertificates(content: Uint8Array, name: string): X509Certificate[] {
  // One byte, one character: what is not text is only looked at.
  const text = Buffer.from(content).toString('latin1');
  const blocks = [...text.matchAll(BLOCK)].map(([pem]) => pem);
  const begun = text.split(BEGIN).length - 1;
  if (begun === 0) throw new CertificateError(`${name}: ${whatElse(content, text)}`);
  if (begun !== blocks.length) {
    throw new CertificateError(`${name}: a certificate is cut short: its last line, ${END}, is missing; copy it whole`);
  }
  return blocks.map((pem, i) => {
    try {
      return new X509Certificate(pem);
    } catch (cause) {
      const which = blocks.length === 1 ? 'the certificate' : `certificate ${i + 1} of ${blocks.length}`;
      throw new CertificateError(`${name}: ${which} cannot be read, its text is damaged; copy it again`, { cause });
    }
  });
}

/**
 * Reads the private key of a PEM file.
 *
 * @throws CertificateError saying what the file holds instead, and what to do.
 */
export function readPrivateKey(content: Uint8Array, name: string): KeyObject {
  const text = Buffer.from(content).toString('latin1');
  if (/-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw new CertificateError(`${name}: the key is encrypted; write it without a passphrase`);
  }
  if (text.includes(BEGIN) && !text.includes('PRIVATE KEY-----')) {
    throw new CertificateError(`${name}: this is a certificate, not a private key; name the file of the key`);
  }
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw new CertificateError(`${name}: no private key in PEM form found; name the file of the key`, { cause });
  }
}

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** What a file without a certificate in PEM is, as far as can be told. */
function whatElse(content: Uint8Array, text: string): string {
  if (text.trim() === '') return 'the file is empty; a certificate in PEM form is expected';
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    return 'this is a private key, not a certificate; name the file of the certificate, and keep the key secret';
  }
  if (text.includes('-----BEGIN CERTIFICATE REQUEST-----')) {
    return 'this is a request for a certificate; name the certificate that was issued for it';
  }
  if (text.startsWith('LS0tLS1CRUdJTi')) {
    return 'this is base64 of PEM, as in a Secret or a caBundle; decode it first: base64 -d';
  }
  if (isDer(content)) {
    return 'this is a certificate in DER form, which no server here reads; convert it: openssl x509 -inform der -in FILE';
  }
  return `no certificate in PEM form found; a line ${BEGIN} is expected`;
}

function isDer(content: Uint8Array): boolean {
  if (content[0] !== 0x30) return false;
  try {
    return new X509Certificate(content).raw.length > 0;
  } catch {
    return false;
  }
}
