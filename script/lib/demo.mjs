/**
 * The demonstration behind script/demo: starts the webhook on a copy of the example shop, sends it reviews over TLS,
 * shows what came back and why, changes a cache file, asks again, and stops the webhook. Leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'imc-demo-'));
const cluster = join(scratch, 'cluster');
const caFile = join(scratch, 'ca.crt');
const colour = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
let server;
let steps = 0;

process.on('exit', () => {
  server?.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
process.on('uncaughtException', (error) => {
  console.error(error.message);
  process.exit(1);
});

cpSync(join(root, 'examples/cluster'), cluster, { recursive: true });

step('The webhook starts on a folder of YAML files and makes a certificate of its own');
const { url, ready } = await startServer();
note(
  `${ready.imageCaches} ImageCaches, ${ready.namespaces} namespaces, ${ready.profileRules} eci-profile rules; ${url}`,
);

step('Pods of a shop are reviewed over HTTPS, as the API server would ask');
await imc('review', '-f', 'examples/workloads', ...toServer());

step('One answer as it travels: a JSON patch that pins the best ImageCache and says why');
show(
  prettyPatch(
    await imc('review', '-f', 'examples/workloads/checkout-deployment.yaml', ...toServer(), '-o', 'patch', {
      quiet: true,
    }),
  ),
);

step('Why the StatefulSet cart got that cache: the whole ranking');
await imc('explain', '-f', 'examples/workloads/cart-statefulset.yaml', '--dir', cluster);

step('ImageCache wishlist-1-1 becomes Ready: its file changes, and the next answer with it');
await imc('review', '-f', 'examples/workloads/wishlist-deployment.yaml', ...toServer());
makeReady('image-caches/in-progress.yaml', 'wishlist-1-1');
await untilAnswerIs('CompleteMatch', 'examples/workloads/wishlist-deployment.yaml');
await imc('review', '-f', 'examples/workloads/wishlist-deployment.yaml', ...toServer());

step('Nothing covers a new pod: it is left to ECI, and an ImageCache with exactly its images is made for the next one');
const newcomer = join(scratch, 'newcomer.json');
const pod = podManifest(['docker.io/library/mysql:8.4.3', 'docker.io/grafana/grafana:11.3.0']);
writeFileSync(newcomer, JSON.stringify(pod));
await imc('review', '-f', newcomer, ...toServer());
note('the pod is created');
await create(pod);
await untilBuilt();
await untilAnswerIs('CompleteMatch', newcomer);
await imc('review', '-f', newcomer, ...toServer());

step('SIGTERM: the webhook answers on while callers move away, then ends');
server.kill('SIGTERM');
const [code] = await once(server, 'exit');
if (code !== 0) fail(`the webhook ended with code ${code}`);
note('ended with code 0');
console.log('\nNext: script/imc --help, README.md, examples/README.md');

async function startServer() {
  const port = ['--port', '0', '--admin-port', '0'];
  const options = ['--dir', cluster, '--ca-out', caFile, '--drain-seconds', '1', '--simulate-build', '2s', ...port];
  server = spawn(process.execPath, [join(root, 'src/main.ts'), 'serve', ...options], { cwd: root });
  let log = '';
  let errors = '';
  server.stderr.on('data', (chunk) => (errors += chunk));
  for await (const chunk of server.stdout) {
    log += chunk;
    const line = log.split('\n').find((text) => text.includes('"msg":"ready"'));
    if (line === undefined) continue;
    server.stdout.resume();
    const ready = JSON.parse(line);
    return { url: ready.admission, ready };
  }
  fail(`the webhook did not start\n${log}${errors}`);
}

function toServer() {
  return ['--server', url, '--ca-file', caFile];
}

/** Runs imc as a user would and shows what it prints. */
async function imc(...args) {
  const { quiet = false } = typeof args.at(-1) === 'object' ? args.pop() : {};
  if (!quiet) note(`$ imc ${args.map((arg) => arg.replace(scratch, '…')).join(' ')}`);
  const env = colour ? { ...process.env, FORCE_COLOR: '1' } : process.env;
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), ...args], { cwd: root, env });
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const [exitCode] = await once(child, 'close');
  if (exitCode !== 0) fail(`imc ${args.join(' ')} ended with code ${exitCode}\n${out}${errors}`);
  if (!quiet) show(out + errors);
  return out;
}

/** The patch, with the decision annotation spread out for reading. */
function prettyPatch(text) {
  const patch = JSON.parse(text);
  const lines = patch.map((operation) => {
    const value = typeof operation.value === 'object' ? operation.value : { '': operation.value };
    const values = Object.entries(value).map(([key, one]) => `    ${key === '' ? one : `${key}: ${one}`}`);
    return `${operation.op} ${operation.path}\n${values.join('\n')}`;
  });
  return `${lines.join('\n')}\n`;
}

function makeReady(file, name) {
  const path = join(cluster, file);
  const documents = readFileSync(path, 'utf8').split(/^---$/m);
  const changed = documents.map((document) =>
    document.includes(`name: ${name}\n`)
      ? document.replace(/phase: \w+/, 'phase: Ready').replace(/progress: \d+%/, 'progress: 100%')
      : document,
  );
  writeFileSync(path, changed.join('---'));
  note(`edited ${file}: ${name} is Ready`);
}

async function untilAnswerIs(outcome, workload) {
  for (let tries = 0; tries < 50; tries += 1) {
    const rows = JSON.parse(await imc('review', '-f', workload, ...toServer(), '-o', 'json', { quiet: true }));
    if (rows[0].outcome === outcome) return;
    await sleep(100);
  }
  fail(`the answer did not become ${outcome}`);
}

/** Tells what becomes of the ImageCache that the webhook makes, until it is Ready. */
async function untilBuilt() {
  let told = '';
  for (let tries = 0; tries < 600; tries += 1) {
    const news = builtSoFar();
    if (news !== '' && news !== told) note(`  ${news}`);
    told = news;
    if (news.includes('Ready')) return;
    await sleep(100);
  }
  fail('the ImageCache did not become Ready');
}

/** The ImageCaches that the webhook made, as their files tell. */
function builtSoFar() {
  const folder = join(cluster, 'auto-created');
  if (!existsSync(folder)) return '';
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  return files
    .map((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      return `auto-created/${name}: ${/phase: (\w+)/.exec(text)?.[1] ?? 'new'} ${/progress: (\S+)/.exec(text)?.[1] ?? ''}`;
    })
    .join(', ');
}

function podManifest(images) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'newcomer', labels: { 'alibabacloud.com/eci': 'true' } },
    spec: { containers: images.map((image, i) => ({ name: `c${i}`, image })) },
  };
}

/** What the API server sends when a pod is really created; those of `imc review` are dry runs, which have no effect. */
async function create(pod) {
  const resource = { group: '', version: 'v1', resource: 'pods' };
  const request = { uid: randomUUID(), operation: 'CREATE', namespace: 'default', resource, object: pod };
  const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const call = https.request(url, { method: 'POST', ca: readFileSync(caFile), headers, agent: false });
  call.end(body);
  const [response] = await once(call, 'response');
  if (response.statusCode !== 200) fail(`the webhook answered ${response.statusCode}`);
  response.resume();
  await once(response, 'end');
}

function step(text) {
  steps += 1;
  console.log(`\n${paint(['bold', 'cyan'], `${steps}. ${text}`)}`);
}

function note(text) {
  console.log(paint('dim', text));
}

function show(text) {
  process.stdout.write(text);
}

function paint(style, text) {
  return colour ? styleText(style, text, { validateStream: false }) : text;
}

function fail(text) {
  throw new Error(text);
}
