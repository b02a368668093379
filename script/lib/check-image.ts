/** Builds the image in folders and tries it; see script/check-image. Leaves nothing behind. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { buildImage, filesBelow, type Image } from './build-image.ts';

const context = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'imc-image-'));
const isRoot = process.getuid?.() === 0;
const total = { passed: 0, failed: 0 };
let server: ChildProcess | undefined;

process.on('exit', () => {
  server?.kill('SIGKILL');
  unlock(scratch);
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const image = await check('the steps of the Dockerfile', () => {
  chmodSync(scratch, 0o755);
  return buildImage(context, join(scratch, 'stages'), (step) => console.log(`  ${step}`));
});
if (image !== undefined) await checkImage(image);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

async function checkImage(built: Image): Promise<void> {
  await check('the image holds the program, its licences, and nothing else', () => {
    const files = filesBelow(built.root).map((path) => relative(built.root, path));
    equal(files, ['app/LICENSE', 'app/THIRD_PARTY_LICENSES.txt', 'app/imc.mjs']);
  });
  // The image the last stage starts from brings this one; here it is that of this machine, where everybody may read it.
  const node = join(built.root, 'nodejs/bin/node');
  mkdirSync(join(built.root, 'nodejs/bin'), { recursive: true });
  copyFileSync(process.execPath, node);
  const data = prepareData();
  lock(built.root);

  await check('it prints its help when nothing is asked', () => {
    const { status, stdout } = run(built, built.command);
    equal(status, 0);
    if (!stdout.startsWith('Usage: imc ')) throw new Error(stdout);
  });
  await check('it is of the version its label says', () => {
    const { stdout } = run(built, ['version']);
    const version = built.labels['org.opencontainers.image.version'] ?? '';
    if (!stdout.includes(version) || version === '') throw new Error(`label: ${version}, program: ${stdout}`);
  });
  await check('it serves a review as a user without rights who may write nothing', () => serveReview(built, data));
}

/** A pair for localhost, a cluster, and a pod: what a cluster would mount. */
function prepareData(): { readonly certs: string; readonly cluster: string; readonly review: string } {
  const certs = join(scratch, 'data/certs');
  const cluster = join(scratch, 'data/cluster');
  mkdirSync(join(scratch, 'data'));
  const imc = join(scratch, 'stages/build/build/dist/imc.js');
  execFileSync(process.execPath, [imc, 'certs', 'generate', '--out', certs], { cwd: scratch, stdio: 'pipe' });
  chmodSync(join(certs, 'tls.key'), 0o644); // a mounted Secret may be read by the group of the pod
  cpSync(join(context, 'examples/cluster'), cluster, { recursive: true });
  return { certs, cluster, review: readFileSync(join(context, 'examples/reviews/checkout-pod.json'), 'utf8') };
}

async function serveReview(built: Image, data: ReturnType<typeof prepareData>): Promise<void> {
  const ports = ['--host', '127.0.0.1', '--port', '0', '--admin-port', '0', '--drain-seconds', '0'];
  const started = commandOf(built, ['serve', '--dir', data.cluster, '--cert-dir', data.certs, ...ports]);
  server = spawn(started.file, started.args, { ...started.options, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  const ready = await readyLine(server, exited);

  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
  if (uid === 0 || (isRoot && uid !== built.user)) throw new Error(`it runs as user ${uid}`);

  const livez = await answer((seen) => httpRequest(new URL('/livez', ready.operations), seen), '');
  equal(livez.status, 200);
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ca: readFileSync(join(data.certs, 'ca.crt')),
  };
  const url = new URL('/mutate', ready.admission);
  url.hostname = 'localhost';
  const mutate = await answer((seen) => httpsRequest(url, options, seen), data.review);
  equal(mutate.status, 200);
  const { response } = JSON.parse(mutate.body) as { response: { allowed: boolean; patch?: string } };
  equal(response.allowed, true);
  if (response.patch === undefined) throw new Error('the pod got no patch');

  server.kill('SIGTERM');
  equal(await exited, [0, null]);
}

interface ReadyLine {
  readonly admission: string;
  readonly operations: string;
}

async function readyLine(child: ChildProcess, exited: Promise<unknown>): Promise<ReadyLine> {
  if (child.stdout === null) throw new Error('no output');
  const lines = createInterface(child.stdout);
  const ready = new Promise<ReadyLine>((found) => {
    lines.on('line', (line) => {
      if (line.includes('"msg":"ready"')) found(JSON.parse(line) as ReadyLine); // our own log line
    });
  });
  const gone = exited.then(() => {
    throw new Error('it ended before it was ready');
  });
  gone.catch(() => {}); // later it ends when it is told to
  return await Promise.race([ready, gone]);
}

async function answer(
  send: (seen: (response: IncomingMessage) => void) => ClientRequest,
  body: string,
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  return await new Promise((resolve, reject) => {
    const sent = send((response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: text }));
    });
    sent.on('error', reject).end(body);
  });
}

function run(built: Image, args: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  const { file, args: all, options } = commandOf(built, args);
  return spawnSync(file, all, { ...options, encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The entry point as its user, with no folder to write to; Node.js itself refuses every write. */
function commandOf(built: Image, args: readonly string[]) {
  const [node = '', ...program] = built.entrypoint.map((word) => join(built.root, word));
  const bound = [node, '--permission', '--allow-fs-read=*', ...program, ...args];
  const rights = [`--reuid=${built.user}`, `--regid=${built.group}`, '--clear-groups', '--no-new-privs'];
  const all = isRoot ? ['setpriv', ...rights, '--', ...bound] : bound;
  const env = { ...built.environment, HOME: '/nonexistent', TMPDIR: '/nonexistent' };
  return {
    file: all[0] ?? '',
    args: all.slice(1),
    options: { cwd: join(built.root, built.workdir), env: isRoot ? { ...env, PATH: process.env['PATH'] } : env },
  };
}

function lock(folder: string): void {
  execFileSync('chmod', ['-R', 'a+rX,a-w', folder]);
}

function unlock(folder: string): void {
  spawnSync('chmod', ['-R', 'u+w', folder], { stdio: 'ignore' });
}

async function check<Result>(what: string, act: () => Result | Promise<Result>): Promise<Result | undefined> {
  try {
    const result = await act();
    total.passed += 1;
    console.log(`passed: ${what}`);
    return result;
  } catch (error) {
    total.failed += 1;
    console.log(`failed: ${what}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return undefined;
  }
}

function equal(found: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`expected ${b}, not ${a}`);
}
