import type { KeyObject } from 'node:crypto';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { CertificateError } from './certificate-error.ts';
import type { ServingCertificate } from './certificate-source.ts';

/** A certificate and a key as they were read, with names to call them by in messages. */
export interface PemPair {
  readonly certPem: string;
  readonly keyPem: string;
  readonly certName: string;
  readonly keyName: string;
}

/** Clocks differ. */
const CLOCK_TOLERANCE_MS = 5 * 60 * 1000;

/**
 * Checks that a pair can be served now: both readable, belonging together, accepted by the TLS library, in their time.
 *
 * @param toleranceMs - a certificate that begins within this time is taken.
 * @throws CertificateError naming the file and what to do.
 */
export function checkServingPair(
  pair: PemPair,
  nowMs: number,
  toleranceMs: number = CLOCK_TOLERANCE_MS,
): ServingCertificate {
  const { certPem, keyPem, certName, keyName } = pair;
  const certificate = parseCertificate(pair);
  const key = parseKey(pair);
  if (!certificate.checkPrivateKey(key)) {
    throw new CertificateError(
      `${keyName}: the key does not belong to the certificate in ${certName}: put the two files of one pair there`,
    );
  }
  checkTlsAccepts(pair);

  const { validFromDate: notBefore, validToDate: notAfter } = certificate;
  if (notAfter.getTime() <= nowMs) {
    throw new CertificateError(`${certName}: the certificate ended ${notAfter.toISOString()}: renew it`);
  }
  if (notBefore.getTime() > nowMs + toleranceMs) {
    throw new CertificateError(
      `${certName}: the certificate begins ${notBefore.toISOString()}: check the clock, or use one that is valid now`,
    );
  }
  return { certPem, keyPem, notBefore, notAfter, caPem: undefined };
}

function parseCertificate({ certPem, certName }: PemPair): X509Certificate {
  try {
    return new X509Certificate(certPem);
  } catch (cause) {
    throw new CertificateError(`${certName}: no certificate in PEM form found: write the serving certificate there`, {
      cause,
    });
  }
}

function parseKey({ keyPem, keyName }: PemPair): KeyObject {
  if (keyPem.includes('ENCRYPTED')) {
    throw new CertificateError(`${keyName}: the key is encrypted: write it without a passphrase`);
  }
  try {
    return createPrivateKey(keyPem);
  } catch (cause) {
    throw new CertificateError(`${keyName}: no private key in PEM form found: write the certificate's key there`, {
      cause,
    });
  }
}

/** The TLS library looks at more than we do: key sizes, digests, the rest of the chain. */
function checkTlsAccepts({ certPem, keyPem, certName }: PemPair): void {
  try {
    createSecureContext({ cert: certPem, key: keyPem });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CertificateError(`${certName}: the TLS library refuses the certificate (${reason}): use another one`, {
      cause,
    });
  }
}
