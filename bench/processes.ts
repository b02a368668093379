import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Everything that has to go when the benchmark ends, however it ends. */
const children = new Set<ChildProcess>();
const folders = new Set<string>();

/** From now on no child and no folder of ours outlives this process, Ctrl-C included. */
export function tidyUpAtEnd(): void {
  process.once('exit', tidyUp);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      tidyUp();
      process.kill(process.pid, signal); // there is no handler any more, so it ends this process as it should
    });
  }
}

function tidyUp(): void {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/** Sees to it that a child ends with this process. */
export function keep<Child extends ChildProcess>(child: Child): Child {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** An empty folder that goes away at the end. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'imc-bench-'));
  folders.add(folder);
  return folder;
}

/** Ends a child at once and waits for it. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Runs a program to its end; shows its output only if it fails. */
export async function runToEnd(command: string, args: readonly string[], cwd: string): Promise<void> {
  const child = keep(spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] }));
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => output.push(data));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} failed:\n${Buffer.concat(output).toString()}`);
}

/** Loopback ports nobody listens on at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('a TCP server has an address');
      server.close();
      await once(server, 'close');
      return address.port;
    }),
  );
}

/** Waits until `/readyz` on this port says 200. */
export async function untilReady(child: ChildProcess, adminPort: number, pollMs: number): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (!(await isReady(adminPort))) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the server ended with ${child.exitCode}`);
    if (performance.now() > deadlineMs) throw new Error('the server was not ready within a minute');
    await sleep(pollMs);
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/readyz', agent: false, timeout: 5000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.once('error', () => resolve(false));
    asked.once('timeout', () => asked.destroy());
    asked.end();
  });
}

/**
 * Processor time a process has used so far, in milliseconds, all its threads together; NaN on systems without Linux'
 * `/proc`. From the scheduler's own count in nanoseconds where the kernel keeps one, else in ticks of 10 ms.
 */
export function cpuMs(pid: number): number {
  try {
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    }
    return nanoseconds > 0 ? nanoseconds / 1e6 : ticksMs(pid);
  } catch {
    return ticksMs(pid);
  }
}

const TICK_MS = 10;

function ticksMs(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold blanks; utime and stime are fields 14 and 15 of the whole line.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return NaN;
  }
}

/** Memory of a process that is in RAM, in MiB; NaN on systems without Linux' `/proc`. */
export function residentMiB(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes) / 1024;
  } catch {
    return NaN;
  }
}
