import { execFile } from 'node:child_process';
import { clusterTool } from './assets.ts';

/** What a command of a user came to. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs kubectl, or helm, as a user would: with a kubeconfig and a home of its own. */
export class Kubectl {
  readonly #kubeconfig: string;
  readonly #home: string;

  constructor(kubeconfig: string, home: string) {
    this.#kubeconfig = kubeconfig;
    this.#home = home;
  }

  /** Standard output; throws what it says on standard error if it fails. */
  async run(args: string, stdin?: string): Promise<string> {
    const result = await this.try(args, stdin);
    if (result.code !== 0) throw new Error(`kubectl ${args} ended with ${result.code}: ${result.err}${result.out}`);
    return result.out;
  }

  /** @param args - separated by single blanks */
  try(args: string, stdin?: string): Promise<CommandResult> {
    return this.#execute('kubectl', args, stdin);
  }

  async helm(args: string): Promise<string> {
    const result = await this.#execute('helm', args, undefined);
    if (result.code !== 0) throw new Error(`helm ${args} ended with ${result.code}: ${result.err}${result.out}`);
    return result.out;
  }

  async apply(manifests: string): Promise<string> {
    return this.run('apply -f -', manifests);
  }

  #execute(tool: 'kubectl' | 'helm', args: string, stdin: string | undefined): Promise<CommandResult> {
    return new Promise((resolve) => {
      const child = execFile(
        clusterTool(tool),
        args.split(' '),
        {
          env: { PATH: process.env['PATH'], HOME: this.#home, KUBECONFIG: this.#kubeconfig },
          maxBuffer: 64 * 1024 * 1024,
          timeout: 120_000,
        },
        (error, out, err) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
          resolve({ code, out, err });
        },
      );
      child.stdin?.on('error', () => {}); // it may end without reading
      child.stdin?.end(stdin ?? '');
    });
  }
}
