import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { CertificateError } from './certificate-error.ts';

/** How long a server may take to answer. */
const TIMEOUT_MS = 10_000;

/**
 * The certificates a TLS server sends, its own first. Whether they can be trusted is not asked here.
 *
 * @param server - how messages call it.
 * @param name - the host asked for in the handshake (SNI); nothing for an IP address.
 * @throws CertificateError when nothing answers in time, or not with TLS.
 */
export function fetchServerCertificates(
  { server, host, port }: { readonly server: string; readonly host: string; readonly port: number },
  name: string = host,
): Promise<X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      rejectUnauthorized: false,
      ...(isIP(name) === 0 && !name.includes('*') ? { servername: name } : {}),
    });
    socket.setTimeout(TIMEOUT_MS, () => {
      socket.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }));
    });
    socket.once('secureConnect', () => {
      resolve(chainOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
    socket.on('error', (cause: Error) => {
      reject(new CertificateError(`${server}: ${problemOf(cause)}`, { cause }));
    });
    socket.once('close', () =>
      reject(new CertificateError(`${server}: the server closed the connection; check the port`)),
    );
  });
}

/** A certificate that signed itself is its own issuer. */
function chainOf(peer: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = peer;
  const seen = new Set<string>();
  while (next?.raw !== undefined && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256);
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate;
  }
  return chain;
}

function problemOf(cause: Error): string {
  const code = 'code' in cause ? String(cause.code) : '';
  if (code === 'ECONNREFUSED') return 'nothing listens there; check the address and that the server runs';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no such host; check the name';
  if (code === 'ETIMEDOUT') return `no answer within ${TIMEOUT_MS / 1000} s; check the address and firewalls`;
  if (/WRONG_VERSION_NUMBER|EPROTO|UNEXPECTED_MESSAGE|PACKET_LENGTH/.test(code)) {
    return 'what listens there does not speak TLS; check the port (the admin port is plain HTTP)';
  }
  return `no TLS connection (${cause.message.split('\n')[0]}); check the address`;
}
