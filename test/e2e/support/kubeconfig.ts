import type { Pair } from './authority.ts';

/** A kubeconfig for one user: with a certificate, or with a token. */
export function kubeconfig(server: string, ca: string, user: Pair | { readonly token: string }): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const credentials =
    'token' in user ? user : { 'client-certificate-data': base64(user.cert), 'client-key-data': base64(user.key) };
  // JSON is YAML
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: 'test', user: credentials }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'default' } }],
  });
}
