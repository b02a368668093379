import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/**
 * One address in front of several servers, as a Service with its endpoints: new connections go to one after another of
 * those listed at that moment, existing ones stay where they are. It can also play the network that fails.
 */
export class Forwarder {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #ports: readonly number[] = [];
  #turn = 0;

  private constructor() {
    this.#server = createServer((inbound) => this.#forward(inbound));
  }

  static async start(): Promise<Forwarder> {
    const forwarder = new Forwarder();
    forwarder.#server.listen({ host: '127.0.0.1', port: 0 });
    await once(forwarder.#server, 'listening');
    return forwarder;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    return address.port;
  }

  /** From now on new connections go to these ports. */
  endpoints(...ports: readonly number[]): void {
    this.#ports = ports;
  }

  /** Ends every connection there is; new ones are taken as before. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /**
   * From now on nothing passes on the connections there are, in either direction, though they stay open; new ones work.
   * This is what is left of a connection when the network between has forgotten it.
   */
  silence(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #forward(inbound: Socket): void {
    const port = this.#ports[this.#turn % this.#ports.length];
    this.#turn += 1;
    if (port === undefined) {
      inbound.resetAndDestroy(); // nobody there, as a Service without endpoints refuses
      return;
    }
    const outbound = connect({ host: '127.0.0.1', port });
    for (const [one, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroySoon();
      });
    }
  }
}
