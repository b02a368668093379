/**
 * What a failure to get an answer means for whoever has to mend it: an unreachable server, certificates, credentials.
 *
 * @param cause - what a connection, client-node or a plugin for credentials threw.
 */
export function connectionProblem(cause: unknown): string {
  const error = innermost(cause);
  const message = error.message.split('\n')[0]?.trim() ?? '';
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'nothing listens there; check the address and that the API server runs';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `its name cannot be resolved (${message}); check the address and the name servers`;
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return `the connection was cut (${message})`;
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return `it cannot be reached (${message}); check the address and the network`;
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return `it did not answer in time (${message})`;
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'EPROTO':
      return 'what listens there does not speak TLS; check scheme and port of the address';
    case 'ENOENT':
    case 'EACCES':
      return `the credentials cannot be read or made (${message}); check the files and plugins that the kubeconfig names`;
    default:
  }
  if (CERTIFICATE_REFUSED.test(error.code)) {
    return `its certificate is not trusted (${message}); check certificate-authority in the kubeconfig`;
  }
  if (/^ERR_(?:SSL|TLS|OSSL)/.test(error.code) || /PEM|asn1|X509/i.test(message)) {
    return `TLS failed (${message || error.code}); check the certificates and keys of the kubeconfig`;
  }
  return `no answer was to be had (${message || error.code || error.name})`;
}

const CERTIFICATE_REFUSED = /CERT|SIGNATURE|ISSUER|ALTNAME/;

/** Errors are wrapped, or collected when a name has several addresses; the innermost knows most. */
function innermost(error: unknown): { readonly name: string; readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { name: 'Error', code: '', message: String(error) };
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  const inner: unknown = first ?? error.cause;
  if (inner instanceof Error) return innermost(inner);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { name: error.name, code, message: error.message };
}
