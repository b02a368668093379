import 'reflect-metadata';
import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
} from '@peculiar/x509';

/** What a client that takes RFC 5280 at its word (`openssl verify -x509_strict`, Go) would find wrong with a chain. */
export async function strictProblems(caPem: string, certPem: string): Promise<string[]> {
  const [ca, leaf] = [new X509Certificate(caPem), new X509Certificate(certPem)];
  const [caBasics, leafBasics] = [ca, leaf].map((it) => it.getExtension(BasicConstraintsExtension));
  const [caUsages, leafUsages] = [ca, leaf].map((it) => it.getExtension(KeyUsagesExtension));
  const caKeyId = ca.getExtension(SubjectKeyIdentifierExtension);
  const leafKeyId = leaf.getExtension(SubjectKeyIdentifierExtension);
  const issuerKeyId = leaf.getExtension(AuthorityKeyIdentifierExtension);
  const purposes = leaf.getExtension(ExtendedKeyUsageExtension);
  const names = leaf.getExtension(SubjectAlternativeNameExtension);
  const conditions = {
    'the CA says that it is one, critically': caBasics?.ca === true && caBasics.critical,
    'the CA may sign certificates, critically': hasUsage(caUsages, KeyUsageFlags.keyCertSign) && caUsages?.critical,
    'the CA has a key identifier, not critical': caKeyId?.critical === false,
    'the certificate is of no CA': leafBasics?.ca === false && leafBasics.pathLength === undefined,
    'the certificate may sign handshakes only': leafUsages?.usages === KeyUsageFlags.digitalSignature,
    'the certificate is for servers': purposes?.usages.includes(ExtendedKeyUsage.serverAuth),
    'the certificate has names': (names?.names.items.length ?? 0) > 0,
    'the certificate has a key identifier, not critical': leafKeyId?.critical === false,
    'the certificate names the key of the CA, not critically':
      issuerKeyId?.critical === false && issuerKeyId.keyId === caKeyId?.keyId,
    'the certificate names the CA': ca.subject !== '' && leaf.issuer === ca.subject && ca.issuer === ca.subject,
    'the CA has signed both':
      (await ca.verify({ signatureOnly: true })) &&
      (await leaf.verify({ publicKey: ca.publicKey, signatureOnly: true })),
  };
  return Object.entries(conditions).flatMap(([condition, holds]) => (holds === true ? [] : [condition]));
}

function hasUsage(extension: KeyUsagesExtension | null | undefined, usage: KeyUsageFlags): boolean {
  return extension != null && (extension.usages & usage) !== 0;
}

/** Whether a client that asks for this host and knows this CA goes on after the handshake. */
export async function isTrusted(
  { certPem, keyPem, caPem }: { readonly certPem: string; readonly keyPem: string; readonly caPem: string },
  servername: string,
): Promise<boolean> {
  const server = createServer({ cert: certPem, key: keyPem }).on('tlsClientError', () => {});
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const socket = connect({ host: '127.0.0.1', port, ca: caPem, servername });
  const authorized = await new Promise<boolean>((resolve) => {
    socket.once('secureConnect', () => resolve(socket.authorized));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  server.close();
  return authorized;
}
