import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../certs/until.ts';
import { imc } from '../cli/recording-terminal.ts';
import type { Reply } from '../composition/https-client.ts';
import { ReviewPoster } from '../composition/https-client.ts';
import { temporaryFolder, writeIn } from '../composition/temporary-folder.ts';
import { buildProgram, RunningProgram, RunningServer } from './built-program.ts';

const CHECKOUT = readFileSync('examples/reviews/checkout-pod.json', 'utf8');
/** A copy: the webhook makes ImageCaches in it. */
const CLUSTER = temporaryFolder();
cpSync('examples/cluster', CLUSTER, { recursive: true });
/** Nothing of what is set here, such as FORCE_COLOR. */
const ENV = { PATH: process.env['PATH'] };

let program: string;

beforeAll(async () => {
  program = await buildProgram();
});

describe('the built file stops (spec S3)', () => {
  it('on SIGTERM under load without a failed review, and with exit code 0', async () => {
    const server = await RunningServer.start(program, { dir: CLUSTER, args: ['--drain-seconds', '5'] });
    const load = new Load(server);
    await load.atLeast(100);
    expect(load.closing).toBe(0);

    server.kill('SIGTERM');
    await until(async () => (await server.readiness()).status === 503);
    expect((await server.readiness()).text).toContain('[-] not draining: shutting down');
    await until(() => load.closing >= 40 || load.failures.length > 0);
    await load.end();

    expect(load.failures).toEqual([]);
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect([server.logged('draining'), server.logged('stopped')]).toMatchObject([[{ reason: 'SIGTERM' }], [{}]]);
    expect(server.logged('reviewed')).toHaveLength(load.answered);
    expect(server.err).toBe('');
  });

  it('on SIGINT, as on SIGTERM', async () => {
    const server = await RunningServer.start(program, { dir: CLUSTER, args: ['--drain-seconds', '0'] });
    server.kill('SIGINT');
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect([server.logged('draining'), server.logged('stopped')]).toMatchObject([[{ reason: 'SIGINT' }], [{}]]);
  });

  it('at once on a second signal, with exit code 1', async () => {
    const server = await RunningServer.start(program, { dir: CLUSTER, args: ['--drain-seconds', '3600'] });
    server.kill('SIGTERM');
    await until(() => server.logged('draining').length === 1);
    server.kill('SIGTERM');
    expect(await server.exited).toEqual({ code: 1, signal: null });
    expect(server.logged('stopping at once')).toMatchObject([{ level: 'warn', reason: 'SIGTERM' }]);
  });

  it('with the drainSeconds that its settings file says by then', async () => {
    const folder = temporaryFolder({ 'imc.yaml': 'drainSeconds: 3600\n' });
    const server = await RunningServer.start(program, { dir: CLUSTER, args: ['--config', join(folder, 'imc.yaml')] });
    writeIn(folder, 'imc.yaml', 'drainSeconds: 0\nmode: observe\n');
    await until(() => server.logged('settings changed').length === 1);
    server.kill('SIGTERM');
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(server.logged('draining')).toMatchObject([{ drainSeconds: 0 }]);
  });
});

/** Reviews without pause over several connections, until it is ended. */
class Load {
  answered = 0;
  /** Answers that ended their connection. */
  closing = 0;
  readonly failures: unknown[] = [];
  #isEnding = false;
  readonly #workers: Promise<unknown>;

  constructor(server: RunningServer, connections = 4) {
    const poster = server.poster(connections);
    this.#workers = Promise.all(Array.from({ length: connections }, () => this.#work(() => poster.post(CHECKOUT))));
  }

  async atLeast(answers: number): Promise<void> {
    await until(() => this.answered >= answers || this.failures.length > 0);
  }

  /** Ends with the reviews that are under way now. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#workers;
  }

  async #work(post: () => Promise<Reply>): Promise<void> {
    while (!this.#isEnding) {
      try {
        const { status, headers, text } = await post();
        this.answered += 1;
        if (headers.connection === 'close') this.closing += 1;
        if (status !== 200 || !text.includes('"allowed":true')) this.failures.push({ status, text });
      } catch (error) {
        this.failures.push(error);
        return;
      }
    }
  }
}

describe('the built file and a reader that goes away', () => {
  /** A pod in a file, many times over. */
  function manyPods(count: number): string {
    const pod = readFileSync('examples/workloads/price-check-pod.yaml', 'utf8');
    return join(temporaryFolder({ 'pods.yaml': `${pod}---\n`.repeat(count) }), 'pods.yaml');
  }

  async function shell(script: string, ...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    return promisify(execFile)('bash', ['--norc', '-c', script, 'bash', process.execPath, program, ...args], {
      cwd: temporaryFolder(),
      env: ENV,
      maxBuffer: 64 * 1024 * 1024,
    });
  }

  // So many pods that it is 200 KB: three times what a pipe holds.
  it.each([
    ['table', 2000],
    ['json', 400],
    ['yaml', 400],
    ['review', 400],
    ['patch', 400],
    ['pod', 400],
  ])('ends quietly when head has seen enough: review -o %s', async (format, pods) => {
    const script = `"$1" "$2" review -f "$3" --dir "$4" --warnings off -o ${format} | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await shell(script, manyPods(pods), CLUSTER);
    expect(stderr).toBe('');
    expect(stdout.split('\n').at(-2)).toBe('0');
  });

  it('loses nothing of a long output when the reader is slow', async () => {
    const script = `"$1" "$2" review -f "$3" --dir "$4" --warnings off -o json | { read -r first; echo "$first"; exec cat; }`;
    const { stdout } = await shell(script, manyPods(400), CLUSTER);
    expect(stdout.length).toBeGreaterThan(200_000);
    expect(JSON.parse(stdout)).toHaveLength(400);
  });

  it('loses none of its warnings when the reader is slow', async () => {
    const script = '"$1" "$2" review -f "$3" --dir "$4" 2>&1 > out.txt | { read -r first; echo "$first"; exec cat; }';
    const { stdout } = await shell(script, manyPods(2000), CLUSTER);
    expect(stdout.length).toBeGreaterThan(200_000);
    expect(stdout.match(/^Warning: /gm)).toHaveLength(2000);
  });

  // Where the kernel has a device that is always full.
  it.runIf(existsSync('/dev/full'))('says that its output cannot be written, and ends with exit code 2', async () => {
    const script = '"$1" "$2" version > /dev/full; echo "$?"; "$1" "$2" no-command 2> /dev/full; echo "$?"';
    expect(await shell(script)).toEqual({
      stdout: '2\n2\n',
      stderr: 'Error: standard output: no space is left there; make room, or choose another place\n',
    });
  });

  it('goes on serving when nobody reads its log any more', async () => {
    const cwd = temporaryFolder();
    const script = [
      `cd "$3" && { echo "$BASHPID" > pid;`,
      `exec "$1" "$2" serve --dir "$4" --host 127.0.0.1 --port 0 --admin-port 0 --ca-out ca.crt --drain-seconds 0; } |`,
      `{ grep -m 1 --line-buffered '"ready"' > ready.json; }; echo "\${PIPESTATUS[0]}" > exit-code`,
    ].join(' ');
    execFile('bash', ['--norc', '-c', script, 'bash', process.execPath, program, cwd, CLUSTER], { env: ENV });
    const read = (name: string): string => {
      try {
        return readFileSync(join(cwd, name), 'utf8');
      } catch {
        return '';
      }
    };
    onTestFinished(() => {
      if (read('exit-code') === '') process.kill(Number(read('pid')), 'SIGKILL');
    });
    await until(() => read('ready.json').endsWith('\n'));
    const { admission, operations } = JSON.parse(read('ready.json')) as { admission: string; operations: string }; // see 'ready'
    const poster = new ReviewPoster(admission.replace('/mutate', ''), read('ca.crt'));
    onTestFinished(() => poster.close());
    for (let i = 0; i < 20; i += 1) expect((await poster.post(CHECKOUT)).status).toBe(200);
    expect((await fetch(`${operations}/readyz`)).status).toBe(200);
    expect(read('exit-code')).toBe('');
    process.kill(Number(read('pid')), 'SIGTERM');
    await until(() => read('exit-code') !== '');
    expect(read('exit-code')).toBe('0\n');
  });
});

describe('the built file does not start when it cannot serve, and says what to do', () => {
  async function failure(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const child = new RunningProgram(program, ['serve', '--host', '127.0.0.1', '--admin-port', '0', ...args], { env });
    expect(await child.exited).toEqual({ code: 2, signal: null });
    expect(child.err).toMatch(/^Error: [^\n]+\n$/);
    expect(child.err).not.toContain('    at ');
    return child.err;
  }

  async function takenPort(): Promise<string> {
    const server = createServer();
    onTestFinished(() => {
      server.close();
    });
    await new Promise<void>((resolve) => {
      server.listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
    const address = server.address();
    return String(typeof address === 'object' ? address?.port : address);
  }

  it('a port in use', async () => {
    const port = await takenPort();
    expect(await failure(['--dir', CLUSTER, '--port', port])).toBe(
      `Error: port ${port} on 127.0.0.1 is in use: stop the program that has it, or choose another port with --port\n`,
    );
  });

  it('an admin port in use', async () => {
    const port = await takenPort();
    expect(await failure(['--dir', CLUSTER, '--port', '0', '--admin-port', port])).toBe(
      `Error: port ${port} on 127.0.0.1 is in use: stop the program that has it, or choose another port with --admin-port\n`,
    );
  });

  it.each([
    {
      title: 'a certificate that is missing',
      files: {},
      says: /tls\.crt: cannot be read \(ENOENT.*\): check the path and its permissions/,
    },
    {
      title: 'a certificate that is none',
      files: { 'tls.crt': 'hello', 'tls.key': 'hello' },
      says: /tls\.crt: no certificate in PEM form found/,
    },
  ])('$title', async ({ files, says }) => {
    const certs = temporaryFolder(files);
    expect(await failure(['--dir', CLUSTER, '--port', '0', '--cert-dir', certs])).toMatch(says);
  });

  it('a folder in the place of a certificate', async () => {
    const certs = temporaryFolder({ 'tls.key': 'hello' });
    mkdirSync(join(certs, 'tls.crt'));
    expect(await failure(['--dir', CLUSTER, '--port', '0', '--cert-dir', certs])).toMatch(
      /tls\.crt: cannot be read \(EISDIR/,
    );
  });

  it('a certificate without its key', async () => {
    expect(await failure(['--dir', CLUSTER, '--tls-cert', 'tls.crt'])).toMatch(
      /flag --tls-cert: tls\.cert: needs tls\.key as well/,
    );
  });

  it('a CA for callers that is missing', async () => {
    expect(await failure(['--dir', CLUSTER, '--port', '0', '--client-ca', 'nowhere.crt'])).toMatch(
      /nowhere\.crt: the CA for callers cannot be read/,
    );
  });

  it('a place for the CA that cannot be written', async () => {
    expect(await failure(['--dir', CLUSTER, '--port', '0', '--ca-out', 'no/such/folder/ca.crt'])).toMatch(
      /ca\.crt: the CA cannot be written/,
    );
  });

  it('a cluster folder that is missing', async () => {
    expect(await failure(['--dir', 'nowhere', '--port', '0'])).toMatch(
      /^Error: nowhere: it does not exist; expected a directory/,
    );
  });

  it('an address that is not of this machine', async () => {
    expect(await failure(['--dir', CLUSTER, '--port', '0', '--host', '192.0.2.1'])).toMatch(
      /192\.0\.2\.1 is no address of this machine: choose another with --host/,
    );
  });

  it('a bad value in the environment', async () => {
    expect(await failure(['--dir', CLUSTER], { IMC_PORT: 'eighty' })).toMatch(/environment IMC_PORT: port: /);
  });
});

describe('the built file as a program', () => {
  it('runs through the link that npm makes', async () => {
    const bin = temporaryFolder();
    symlinkSync(program, join(bin, 'imc'));
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [join(bin, 'imc'), 'version', '-o', 'json'],
      { cwd: bin, env: ENV },
    );
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }; // ours
    expect(JSON.parse(stdout)).toMatchObject({ version });
    expect(stderr).toBe('');
  });

  it('says which Node.js it needs to one that is too old', async () => {
    const old = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })';
    const args = ['--import', `data:text/javascript,${encodeURIComponent(old)}`, program, 'version'];
    await expect(promisify(execFile)(process.execPath, args, { env: ENV })).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'Error: imc needs Node.js 22.19 or later, and this is 20.20.2; install a newer one\n',
    });
  });

  it('prints what the source prints', async () => {
    const folder = temporaryFolder();
    cpSync('examples', folder, { recursive: true });
    const args = ['review', '-f', 'workloads', '--dir', 'cluster', '-o', 'review', '--warnings', 'off'];
    const built = await promisify(execFile)(process.execPath, [program, ...args], { cwd: folder, env: ENV });
    const source = await imc([
      'review',
      '-f',
      'examples/workloads',
      '--dir',
      'examples/cluster',
      '-o',
      'review',
      '--warnings',
      'off',
    ]);
    expect(built.stdout).toBe(source.out);
  });

  it('makes certificates without a package beside it', async () => {
    const folder = temporaryFolder();
    await promisify(execFile)(process.execPath, [program, 'certs', 'generate', '--out', 'tls'], {
      cwd: folder,
      env: ENV,
    });
    const server = await RunningServer.start(program, {
      dir: CLUSTER,
      args: ['--cert-dir', join(folder, 'tls')],
    }).catch(String);
    expect(server).toBeInstanceOf(RunningServer);
  });
});
