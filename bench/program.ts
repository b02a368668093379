import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { createAuthority, issueServingCertificate } from '../src/certs/self-signed-authority.ts';
import { freePorts, keep, runToEnd, untilReady } from './processes.ts';
import { Random } from './random.ts';
import type { World } from './worlds.ts';
import { NAMESPACES, podReview, SELECTORS } from './worlds.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A certificate for loopback, in files. */
export interface Certificate {
  readonly ca: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A running `imc serve`. */
export interface Server {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
  /** From the start of the process until it was ready. */
  readonly readyMs: number;
}

/**
 * Builds the program and copies it, so that nobody's next build changes it under way.
 *
 * @returns the file to run.
 */
export async function buildProgram(scratch: string): Promise<string> {
  await runToEnd(join(ROOT, 'script/build'), [], ROOT);
  const folder = join(scratch, 'program');
  mkdirSync(join(folder, 'dist'), { recursive: true });
  // As in the package: without this file Node.js would parse the program twice to learn that it is a module.
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  copyFileSync(join(ROOT, 'dist/imc.js'), join(folder, 'dist/imc.js'));
  return join(folder, 'dist/imc.js');
}

/** Makes a certificate as the program does for itself. */
export async function makeCertificate(scratch: string): Promise<Certificate> {
  const nowMs = Date.now();
  const authority = await createAuthority(nowMs);
  const { certPem, keyPem } = await issueServingCertificate(authority, ['localhost', '127.0.0.1'], nowMs);
  const certFile = join(scratch, 'tls.crt');
  const keyFile = join(scratch, 'tls.key');
  writeFileSync(certFile, certPem);
  writeFileSync(keyFile, keyPem, { mode: 0o600 });
  return { ca: authority.certPem, certFile, keyFile };
}

export interface ServeOptions {
  readonly program: string;
  /** The folder that is the cluster, or the kubeconfig of one. */
  readonly dir?: string;
  readonly kubeconfig?: string;
  readonly certificate: Certificate;
  readonly scratch: string;
  /** Flags of Node.js. */
  readonly nodeFlags?: readonly string[];
  readonly flags?: readonly string[];
  /** How often it is asked whether it is ready. */
  readonly pollMs: number;
}

/** Starts `imc serve` on free loopback ports, logging to a file, and waits until it is ready. */
export async function startServer(options: ServeOptions): Promise<Server> {
  const { program, dir, kubeconfig, certificate, scratch, nodeFlags = [], flags = [], pollMs } = options;
  const [port = 0, adminPort = 0] = await freePorts(2);
  const log = openSync(join(scratch, 'server.log'), 'w');
  const serveFlags = {
    ...(kubeconfig === undefined ? { '--source': 'files' } : { '--kubeconfig': kubeconfig }),
    ...(dir === undefined ? {} : { '--dir': dir }),
    // The world is to stay as it is while it is measured.
    '--auto-create-enabled': 'false',
    '--controller-driver': 'eci',
    '--host': '127.0.0.1',
    '--port': String(port),
    '--admin-port': String(adminPort),
    '--tls-cert': certificate.certFile,
    '--tls-key': certificate.keyFile,
    '--drain-seconds': '0',
  };
  const args = [...nodeFlags, program, 'serve', ...Object.entries(serveFlags).flat(), ...flags];
  const startMs = performance.now();
  const child = keep(spawn(process.execPath, args, { stdio: ['ignore', log, log], env: cleanEnvironment() }));
  closeSync(log);
  await untilReady(child, adminPort, pollMs);
  return { child, pid: child.pid ?? 0, port, readyMs: performance.now() - startMs };
}

/** Without what would change the program's settings or the way Node.js runs. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const isOurs = (name: string): boolean => !/^(?:IMC_|NODE_|POD_NAMESPACE$)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => isOurs(name)));
}

/** How a world can stand in a folder. */
export type Layout =
  | 'YAML, a file for each cache'
  | 'YAML, one List'
  | 'JSON, a file for each cache'
  | 'JSON, one List';

/** Writes a world as a folder that the program can serve. */
export function writeWorld(world: World, layout: Layout, folder: string): void {
  mkdirSync(join(folder, 'caches'), { recursive: true });
  const caches = world.caches.map((text): unknown => JSON.parse(text));
  const [format, extension] = layout.startsWith('JSON') ? [toJson, 'json'] : [toYaml, 'yaml'];
  if (layout.endsWith('one List')) {
    const list = { apiVersion: 'v1', kind: 'List', items: caches };
    writeFileSync(join(folder, `caches/all.${extension}`), format(list));
  } else {
    for (const [i, cache] of caches.entries())
      writeFileSync(join(folder, `caches/cache-${i}.${extension}`), format(cache));
  }
  const namespaces = [...NAMESPACES].map(([name, labels]) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
  }));
  writeFileSync(join(folder, 'namespaces.yaml'), namespaces.map(toYaml).join('---\n'));
  const profile = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'eci-profile', namespace: 'kube-system' },
    data: { selectors: SELECTORS },
  };
  writeFileSync(join(folder, 'eci-profile.yaml'), toYaml(profile));
}

function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Reviews of a world's pods, each with a uid of its own: half from shapes that come again, half all different. */
export function reviewBodies(world: World, pods: readonly { next(): readonly string[] }[], count: number): Buffer[] {
  const random = new Random(world.caches.length);
  return Array.from({ length: count }, (_, i) => {
    const stream = pods[i % pods.length];
    if (stream === undefined) throw new Error('no pods to review');
    return Buffer.from(JSON.stringify(podReview(stream.next(), random)));
  });
}
