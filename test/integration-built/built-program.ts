import type { ChildProcessByStdio } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { until } from '../certs/until.ts';
import { ReviewPoster } from '../composition/https-client.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The program in one file, built from the source of now and put where nothing else is. Built apart from `dist/`, so
 * that files with tests can run at the same time.
 */
export async function buildProgram(): Promise<string> {
  const [built, alone] = [temporaryFolder(), temporaryFolder()];
  const rolldown = join(ROOT, 'node_modules/.bin/rolldown');
  await promisify(execFile)(rolldown, ['--config', '--configLoader', 'native', '--dir', built], { cwd: ROOT });
  copyFileSync(join(built, 'imc.js'), join(alone, 'imc.mjs'));
  return join(alone, 'imc.mjs');
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One line of the log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A child process and everything it wrote; it is killed after the test if it still runs. */
export class RunningProgram {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #out: Buffer[] = [];
  readonly #err: Buffer[] = [];
  readonly exited: Promise<Exit>;

  constructor(
    program: string,
    args: readonly string[],
    { cwd, env = {} }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
  ) {
    this.#child = spawn(process.execPath, [program, ...args], {
      cwd: cwd ?? temporaryFolder(),
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#out.push(chunk));
    this.#child.stderr.on('data', (chunk: Buffer) => this.#err.push(chunk));
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    });
    onTestFinished(async () => {
      this.#child.kill('SIGKILL');
      await this.exited;
    });
  }

  get out(): string {
    return Buffer.concat(this.#out).toString('utf8');
  }

  get err(): string {
    return Buffer.concat(this.#err).toString('utf8');
  }

  /** Every whole line of standard output; throws for one that is no JSON. */
  get log(): readonly LogLine[] {
    const lines = this.out.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogLine); // objects, as the tests see
  }

  /** The lines with this message. */
  logged(message: string): readonly LogLine[] {
    return this.log.filter(({ msg }) => msg === message);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** What `imc serve` is started with, besides free ports and a file for the CA. */
export interface ServeOptions {
  readonly dir: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** `imc serve` in a process of its own, ready for reviews. */
export class RunningServer extends RunningProgram {
  readonly #caFile: string;

  private constructor(program: string, { dir, args = [], env = {} }: ServeOptions) {
    const cwd = temporaryFolder();
    const places = ['--dir', dir, '--host', '127.0.0.1', '--port', '0', '--admin-port', '0', '--ca-out', 'ca.crt'];
    super(program, ['serve', ...places, ...args], { cwd, env });
    this.#caFile = join(cwd, 'ca.crt');
  }

  static async start(program: string, options: ServeOptions): Promise<RunningServer> {
    const server = new RunningServer(program, options);
    let hasExited = false;
    const exited = server.exited.then(() => {
      hasExited = true;
    });
    await Promise.race([exited, until(() => hasExited || server.logged('ready').length > 0)]);
    if (hasExited) throw new Error(`the server did not start: ${server.out}${server.err}`);
    await until(async () => (await fetch(`${server.operations}/readyz`)).status === 200);
    return server;
  }

  get caFile(): string {
    return this.#caFile;
  }

  /** `https://127.0.0.1:PORT` */
  get admission(): string {
    return String(this.logged('ready')[0]?.['admission']).replace(/\/mutate$/, '');
  }

  /** `http://127.0.0.1:PORT` */
  get operations(): string {
    return String(this.logged('ready')[0]?.['operations']);
  }

  poster(maxConnections = 1): ReviewPoster {
    const poster = new ReviewPoster(this.admission, readFileSync(this.#caFile, 'utf8'), maxConnections);
    onTestFinished(() => poster.close());
    return poster;
  }

  /** Posts a review and reads what the answer says. */
  async answer(review: string): Promise<Answer> {
    const { status, text } = await this.poster().post(review);
    if (status !== 200) throw new Error(`${status}: ${text}`);
    return readAnswer(text);
  }

  async readiness(): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`${this.operations}/readyz?verbose`);
    return { status: response.status, text: await response.text() };
  }
}

/** A response, as far as the tests look at it. */
export interface Answer {
  readonly allowed: boolean;
  readonly outcome: string;
  readonly cache: string | undefined;
  /** The pin that the patch adds. */
  readonly pin: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

function readAnswer(text: string): Answer {
  const { response } = JSON.parse(text) as {
    response: { allowed: boolean; patch?: string; auditAnnotations: { outcome: string; cache?: string } };
  }; // our own server
  const patch = JSON.parse(Buffer.from(response.patch ?? 'W10=', 'base64').toString('utf8')) as {
    path: string;
    value?: unknown;
  }[];
  const entries = (map: string): [string, string][] =>
    patch.flatMap(({ path, value }): [string, string][] => {
      if (path === `/metadata/${map}`) return Object.entries(value as Record<string, string>); // a whole map
      const key = path.startsWith(`/metadata/${map}/`) ? path.slice(`/metadata/${map}/`.length) : undefined;
      return key === undefined ? [] : [[key.replaceAll('~1', '/').replaceAll('~0', '~'), String(value)]];
    });
  const { outcome, cache } = response.auditAnnotations;
  const pin = Object.fromEntries(entries('annotations'))['k8s.aliyun.com/eci-imc-id'];
  return { allowed: response.allowed, outcome, cache, pin, labels: Object.fromEntries(entries('labels')) };
}

/** A review of a pod of the shop, as the API server sends it. */
export function aShopReview(
  name: string,
  image: string,
  { annotations = {}, env = '', uid = `uid-of-${name}` } = {},
): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid,
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { generateName: `${name}-`, labels: { 'app.kubernetes.io/name': name }, annotations },
        spec: { containers: [{ name, image, env: [{ name: 'PASSWORD', value: env }] }] },
      },
      dryRun: false,
    },
  });
}
