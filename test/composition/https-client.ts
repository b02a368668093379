import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';

/** What came back for a request. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Posts reviews to a server as the API server does: TLS with the CA it was given, connections kept open. */
export class ReviewPoster {
  readonly #url: string;
  readonly #agent: Agent;

  /** @param server - `https://HOST:PORT` */
  constructor(server: string, ca: string, maxConnections = 1) {
    this.#url = `${server}/mutate`;
    this.#agent = new Agent({ ca, keepAlive: true, maxSockets: maxConnections });
  }

  post(body: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const outgoing = request(this.#url, { method: 'POST', agent: this.#agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers: received } = response;
          resolve({ status, headers: received, text: Buffer.concat(chunks).toString('utf8') });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
