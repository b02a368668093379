import { once } from 'node:events';
import { createServer } from 'node:https';
import type { KubeObject } from './api-client.ts';
import type { Pair } from './authority.ts';
import { freePort } from './ports.ts';

/** Another mutating webhook of the cluster: answers the operations of a JSON Patch for a pod. */
export class OtherWebhook {
  readonly port: number;
  readonly #stop: () => Promise<void>;

  private constructor(port: number, stop: () => Promise<void>) {
    this.port = port;
    this.#stop = stop;
  }

  static async start({ cert, key }: Pair, patchFor: (pod: KubeObject) => readonly object[]): Promise<OtherWebhook> {
    const server = createServer({ cert, key, keepAliveTimeout: 120_000 }, (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const { request } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
          request: { uid: string; object: KubeObject };
        }; // from the API server
        const patch = patchFor(request.object);
        const change =
          patch.length === 0
            ? {}
            : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
        outgoing.setHeader('content-type', 'application/json');
        outgoing.end(
          JSON.stringify({
            apiVersion: 'admission.k8s.io/v1',
            kind: 'AdmissionReview',
            response: { uid: request.uid, allowed: true, ...change },
          }),
        );
      });
    });
    const port = await freePort();
    server.listen({ host: '127.0.0.1', port });
    await once(server, 'listening');
    return new OtherWebhook(port, async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    });
  }

  async stop(): Promise<void> {
    await this.#stop();
  }
}
