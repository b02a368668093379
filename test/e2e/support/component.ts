import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** How a process is started. */
export interface ComponentOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** Standard output and error go to its end. */
  readonly logFile: string;
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

const PATIENCE_MS = 30_000;

/**
 * A process of the cluster that can be stopped, held still and started again, always with the same arguments. The kernel
 * kills it when this process ends, however it ends.
 */
export class Component {
  readonly #options: ComponentOptions;
  readonly #name: string;
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();

  constructor(options: ComponentOptions) {
    this.#options = options;
    this.#name = basename(options.program);
  }

  start(): void {
    if (this.isRunning) throw new Error(`${this.#name} runs already`);
    const { program, args, logFile, cwd, env = {} } = this.#options;
    const log = openSync(logFile, 'a');
    try {
      this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
        cwd,
        env: { PATH: process.env['PATH'], HOME: cwd, ...env },
        stdio: ['ignore', log, log],
      });
    } finally {
      closeSync(log);
    }
    this.#exited = once(this.#child, 'exit');
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Of the process now; throws if there is none. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined || !this.isRunning) throw new Error(`${this.#name} does not run:\n${this.tail()}`);
    return pid;
  }

  get exitCode(): number | null {
    return this.#child?.exitCode ?? null;
  }

  /** Resolves when the process of now has ended, with its exit code; null if a signal ended it. */
  async ended(): Promise<number | null> {
    await this.#exited;
    return this.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Holds it still: its sockets stay open and say nothing. */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  /** Ends it, by force when the patience is over. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', patienceMs = PATIENCE_MS): Promise<void> {
    if (!this.isRunning) return;
    this.thaw();
    this.signal(signal);
    const patience = new AbortController();
    const late = pause(patienceMs, 'late', { signal: patience.signal }).catch(() => undefined);
    if ((await Promise.race([this.#exited, late])) === 'late') this.signal('SIGKILL');
    patience.abort();
    await this.#exited;
  }

  /** Everything it wrote so far. */
  log(): string {
    return readFileSync(this.#options.logFile, 'utf8');
  }

  /** Its last words, for messages. */
  tail(lines = 20): string {
    return this.log().trimEnd().split('\n').slice(-lines).join('\n');
  }
}
