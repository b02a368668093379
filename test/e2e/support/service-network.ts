import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { join } from 'node:path';
import { runFolder } from './assets.ts';

/**
 * The cluster's network as the API server sees it: addresses of Services, each with the replicas behind it. The API
 * server is told to reach the cluster through a proxy, which this is; so it resolves the Service, checks the name in the
 * certificate and keeps connections as in a real cluster, and everything stays on loopback.
 */
export class ServiceNetwork {
  readonly #server: Server;
  readonly #socketFile: string;
  readonly #folder: string;
  readonly #sockets = new Set<Socket>();
  /** `IP:PORT` of a Service to loopback ports. */
  readonly #endpoints = new Map<string, readonly number[]>();
  #turn = 0;
  #isCut = false;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#socketFile = join(folder, 'cluster.sock');
    this.#server = createServer((_request, response) => response.writeHead(405).end());
    this.#server.on('connect', (request, inbound: Socket, head) => this.#forward(request, inbound, head));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(): Promise<ServiceNetwork> {
    const network = new ServiceNetwork(runFolder('network'));
    network.#server.listen(network.#socketFile);
    await once(network.#server, 'listening');
    return network;
  }

  /** Makes an API server use this network for what lies in the cluster. */
  apiServerArgs(): readonly string[] {
    const file = join(this.#folder, 'egress.yaml');
    const connection = { proxyProtocol: 'HTTPConnect', transport: { uds: { udsName: this.#socketFile } } };
    const configuration = {
      apiVersion: 'apiserver.k8s.io/v1beta1',
      kind: 'EgressSelectorConfiguration',
      egressSelections: [{ name: 'cluster', connection }],
    };
    writeFileSync(file, JSON.stringify(configuration)); // JSON is YAML
    return [`--egress-selector-config-file=${file}`];
  }

  /** From now on new connections to this address go to these ports, in turns. */
  endpoints(address: string, ...ports: readonly number[]): void {
    this.#endpoints.set(address, ports);
  }

  /** Nobody is reached any more, whatever the address; connections that were open are cut. */
  refuseAll(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  acceptAll(): void {
    this.#isCut = false;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #forward({ url = '' }: IncomingMessage, inbound: Socket, head: Buffer): void {
    const ports = this.#isCut ? [] : (this.#endpoints.get(url) ?? []);
    const port = ports[this.#turn % ports.length];
    this.#turn += 1;
    inbound.on('error', () => {}); // its close says enough
    if (port === undefined) {
      inbound.end('HTTP/1.1 502 no endpoints\r\n\r\n');
      return;
    }
    const outbound = connect({ host: '127.0.0.1', port });
    outbound.setNoDelay(true);
    outbound.once('connect', () => {
      inbound.write('HTTP/1.1 200 OK\r\n\r\n');
      outbound.write(head);
      inbound.pipe(outbound).pipe(inbound);
    });
    outbound.once('error', () => inbound.destroy());
    outbound.once('close', () => inbound.destroySoon());
    inbound.once('close', () => outbound.destroySoon());
  }
}
