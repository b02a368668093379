/**
 * The least an admission webhook on our stack has to do, to compare with: same Fastify, TLS, time limits and body limit;
 * parses the review, and answers with its uid and a constant. No log, no metric, no decision.
 *
 *     node bench/null-webhook.ts PORT CERT_FILE KEY_FILE patch|no-patch [PATCH_FILE]
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Fastify from 'fastify';

const [port, certFile = '', keyFile = '', answer, patchFile] = process.argv.slice(2);

const PATCH = JSON.stringify([
  {
    op: 'add',
    path: '/metadata/annotations/imc-webhook~1decision',
    value:
      '{"outcome":"CompleteMatch","cache":"cache-4711","id":"imc-2zetnjfbf5jxvlsi47wq","exact":3,"images":3,"missing":[],' +
      '"added":{"annotations":{"k8s.aliyun.com/eci-imc-id":"imc-2zetnjfbf5jxvlsi47wq"},"labels":{}}}',
  },
  { op: 'add', path: '/metadata/annotations/k8s.aliyun.com~1eci-imc-id', value: 'imc-2zetnjfbf5jxvlsi47wq' },
]);
const patch = Buffer.from(patchFile === undefined ? PATCH : readFileSync(patchFile)).toString('base64');
const patched = answer === 'patch' ? { patchType: 'JSONPatch', patch } : {};

// The options are those of src/server/admission-server.ts.
const server = createServer({
  cert: readFileSync(certFile),
  key: readFileSync(keyFile),
  minVersion: 'TLSv1.2',
  ALPNProtocols: ['http/1.1'],
  handshakeTimeout: 10_000,
  headersTimeout: 20_000,
  requestTimeout: 120_000,
  keepAliveTimeout: 125_000,
  connectionsCheckingInterval: 5_000,
});
const app = Fastify({ serverFactory: (handler) => server.on('request', handler), bodyLimit: 20 * 1024 * 1024 });
app.removeAllContentTypeParsers();
app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/mutate', (request, reply) => {
  // the one content type there is gives a Buffer, and only the benchmark asks
  const review = JSON.parse((request.body as Buffer).toString('utf8')) as {
    readonly request: { readonly uid: string };
  };
  void reply.type('application/json').send(
    JSON.stringify({
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      response: { uid: review.request.uid, allowed: true, ...patched },
    }),
  );
});
await app.ready();
server.listen({ host: '127.0.0.1', port: Number(port) });
// Whoever started this is gone: nobody will ask any more.
process.once('disconnect', () => process.exit());
