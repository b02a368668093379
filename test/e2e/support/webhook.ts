import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { request } from 'undici';
import { builtProgram, runFolder } from './assets.ts';
import type { Pair } from './authority.ts';
import { Component } from './component.ts';
import { eventually, HopelessError } from './eventually.ts';
import { freePort } from './ports.ts';

/** What `imc serve` is started with, besides its ports. */
export interface WebhookOptions {
  /** Where the cluster is read from: `--source files --dir DIR`, say. */
  readonly source: readonly string[];
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** What it serves with; none if `args` say where the certificate comes from. */
  readonly certificate?: Pair;
}

/** One line of the log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** One replica: `imc serve` from the built file, in a process and an empty folder of its own. */
export class Webhook {
  readonly process: Component;
  readonly port: number;
  readonly adminPort: number;

  private constructor(process: Component, port: number, adminPort: number) {
    this.process = process;
    this.port = port;
    this.adminPort = adminPort;
  }

  /** Starts it and waits until it is ready. */
  static async start(options: WebhookOptions): Promise<Webhook> {
    const webhook = await Webhook.launch(options);
    try {
      await webhook.ready();
    } catch (error) {
      await webhook.kill();
      throw error;
    }
    return webhook;
  }

  /** Starts it and does not wait. */
  static async launch({ source, args = [], env = {}, certificate }: WebhookOptions): Promise<Webhook> {
    const folder = runFolder('webhook');
    const [port, adminPort] = [await freePort(), await freePort()];
    const places = ['--host', '127.0.0.1', '--port', String(port), '--admin-port', String(adminPort)];
    const certificates = certificate === undefined ? [] : ['--cert-dir', writePair(join(folder, 'tls'), certificate)];
    const process = new Component({
      program: globalThis.process.execPath,
      args: [builtProgram(), 'serve', ...source, ...places, ...certificates, ...args],
      cwd: folder,
      logFile: join(folder, 'webhook.log'),
      env,
    });
    process.start();
    return new Webhook(process, port, adminPort);
  }

  async ready(): Promise<void> {
    await eventually('the webhook to be ready', async () => {
      if (!this.process.isRunning) throw new HopelessError(`the webhook has ended:\n${this.process.tail()}`);
      return (await this.operation('/readyz')).status === 200;
    });
  }

  /** A page of the admin port. */
  async operation(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const { statusCode, body } = await request(`http://127.0.0.1:${this.adminPort}${path}`);
    return { status: statusCode, text: await body.text() };
  }

  /** How many reviews it has answered, of whatever outcome. */
  async reviewsCounted(): Promise<number> {
    const { text } = await this.operation('/metrics');
    const counts = [...text.matchAll(/^imc_reviews_total\{.*\} (\d+)$/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Every line of its log so far; the last may still be on their way. */
  log(): readonly LogLine[] {
    const lines = this.process.log().split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogLine); // the program logs objects
  }

  /** Its log lines about pods with this name or generateName. */
  reviewsOf(pod: string): readonly LogLine[] {
    return this.log().filter((line) => line['msg'] === 'reviewed' && line['pod'] === pod);
  }

  /** SIGTERM, and until it has drained. */
  async stop(): Promise<void> {
    await this.process.stop('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.process.stop('SIGKILL');
  }
}

function writePair(folder: string, { cert, key }: Pair): string {
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, 'tls.crt'), cert);
  writeFileSync(join(folder, 'tls.key'), key, { mode: 0o600 });
  return folder;
}
