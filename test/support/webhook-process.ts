import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A webhook in a process of its own, from the source. */
export interface WebhookProcess {
  readonly child: ChildProcess;
  /** Where reviews go. */
  readonly admission: string;
  /** Where health and metrics are. */
  readonly operations: string;
  /** Stops it as a cluster would; resolves with its exit code. */
  stop(): Promise<number | null>;
}

/** Starts `imc serve` with these options on free ports of this machine; resolves when it is ready. */
export async function startWebhook(
  options: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<WebhookProcess> {
  const places = ['--host', '127.0.0.1', '--port', '0', '--admin-port', '0'];
  const child = spawn(process.execPath, [MAIN, 'serve', ...places, ...options], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { admission, operations } = await addressesOf(child);
  return {
    child,
    admission,
    operations,
    stop: async () => {
      if (child.exitCode !== null) return child.exitCode;
      child.kill('SIGTERM');
      await once(child, 'exit');
      return child.exitCode;
    },
  };
}

/** Where the server listens, as its log says when it is ready. */
function addressesOf(child: ChildProcess): Promise<{ admission: string; operations: string }> {
  let log = '';
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the webhook ended early\n${log}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      if (log === READY) return;
      log += chunk.toString();
      const line = log.split('\n').find((text) => text.includes(READY) && text.endsWith('}'));
      if (line === undefined) return;
      // From here on the log only has to be read, so that it does not pile up.
      log = READY;
      resolve(JSON.parse(line) as { admission: string; operations: string });
    });
  });
}

const READY = '"msg":"ready"';
