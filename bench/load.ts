import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { Client } from 'undici';
import { Durations } from './statistics.ts';

/** Where reviews go. */
export interface Target {
  readonly port: number;
  /** PEM of the CA that signed the server's certificate. */
  readonly ca: string;
}

/** What a load showed; times in milliseconds. */
export interface LoadResult {
  readonly reviews: number;
  readonly elapsedMs: number;
  /** Ascending. */
  readonly latenciesMs: Float64Array;
}

/** Sends reviews over warm keep-alive connections, one after another on each, as the API server does. */
export class LoadGenerator {
  readonly #clients: Client[];
  readonly #bodies: readonly Buffer[];
  #next = 0;

  constructor({ port, ca }: Target, bodies: readonly Buffer[], connections: number) {
    const options: Client.Options = {
      connect: { ca, servername: 'localhost' },
      pipelining: 1,
      keepAliveTimeout: 120_000,
      keepAliveMaxTimeout: 120_000,
    };
    this.#clients = Array.from({ length: connections }, () => new Client(`https://127.0.0.1:${port}`, options));
    this.#bodies = bodies;
  }

  /** Every connection sends its next review as soon as it has its answer. */
  async saturate(reviews: number): Promise<LoadResult> {
    const latencies = new Durations(reviews);
    let left = reviews;
    const startMs = performance.now();
    await Promise.all(
      this.#clients.map(async (client) => {
        while (left > 0) {
          left -= 1;
          const sentMs = performance.now();
          await this.#send(client);
          latencies.add(performance.now() - sentMs);
        }
      }),
    );
    return { reviews, elapsedMs: performance.now() - startMs, latenciesMs: latencies.sorted() };
  }

  /**
   * Reviews come at fixed moments, whether or not the ones before are answered. Latency counts from that moment, so a
   * stall shows in every review it kept waiting.
   */
  async arrive(perSecond: number, durationMs: number): Promise<LoadResult> {
    const reviews = Math.floor((perSecond * durationMs) / 1000);
    const latencies = new Durations(reviews);
    const underWay: Promise<void>[] = [];
    const startMs = performance.now();
    for (let i = 0; i < reviews; i += 1) {
      const dueMs = startMs + (i * 1000) / perSecond;
      while (performance.now() < dueMs) await sleep(1);
      const client = this.#clients[i % this.#clients.length]!; // the remainder is below length
      underWay.push(this.#send(client).then(() => latencies.add(performance.now() - dueMs)));
    }
    await Promise.all(underWay);
    return { reviews, elapsedMs: performance.now() - startMs, latenciesMs: latencies.sorted() };
  }

  /** The answers to the next reviews, to see that they are what they should be. */
  async answers(count: number): Promise<string[]> {
    const texts: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const client = this.#clients[i % this.#clients.length]!; // the remainder is below length
      texts.push(await this.#send(client));
    }
    return texts;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.destroy()));
  }

  #send(client: Client): Promise<string> {
    const body = this.#bodies[this.#next % this.#bodies.length]!; // the remainder is below length
    this.#next += 1;
    return new Promise((resolve, reject) => {
      client.dispatch(
        {
          method: 'POST',
          path: '/mutate?timeout=10s',
          headers: HEADERS,
          body,
        },
        new AnswerReader(resolve, reject),
      );
    });
  }
}

const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  'user-agent': 'kube-apiserver-admission',
};

/** Collects one answer, without the streams of undici's other interfaces: the generator shares the machine. */
class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #resolve: (text: string) => void;
  readonly #reject: (error: Error) => void;
  readonly #chunks: Buffer[] = [];
  #status = 0;

  constructor(resolve: (text: string) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const text = Buffer.concat(this.#chunks).toString('utf8');
    if (this.#status === 200) this.#resolve(text);
    else this.#reject(new Error(`a review was answered with ${this.#status}: ${text.slice(0, 200)}`));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error);
  }
}
