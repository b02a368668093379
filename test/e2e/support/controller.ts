import { join } from 'node:path';
import { request } from 'undici';
import { builtProgram, runFolder } from './assets.ts';
import { Component } from './component.ts';
import { eventually, HopelessError } from './eventually.ts';
import { freePort } from './ports.ts';

/** What `imc controller` is started with, besides its port. */
export interface ControllerOptions {
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** One `imc controller` from the built file, in a process of its own. */
export class Controller {
  readonly process: Component;
  readonly #adminPort: number;

  private constructor(process: Component, adminPort: number) {
    this.process = process;
    this.#adminPort = adminPort;
  }

  /** Starts it and waits until it is ready, as leader or not. */
  static async start({ args, env = {} }: ControllerOptions): Promise<Controller> {
    const folder = runFolder('controller');
    const adminPort = await freePort();
    const process = new Component({
      program: globalThis.process.execPath,
      args: [builtProgram(), 'controller', ...args, '--admin-port', String(adminPort)],
      cwd: folder,
      logFile: join(folder, 'controller.log'),
      env,
    });
    process.start();
    const controller = new Controller(process, adminPort);
    await eventually('the controller to be ready', async () => {
      if (!process.isRunning) throw new HopelessError(`the controller has ended:\n${process.tail()}`);
      return (await controller.#page('/readyz')).statusCode === 200;
    });
    return controller;
  }

  async isLeader(): Promise<boolean> {
    return (await this.#metric('imc_leader')) === 1;
  }

  /** SIGTERM, and until it has ended. */
  async stop(): Promise<void> {
    await this.process.stop('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.process.stop('SIGKILL');
  }

  async #metric(pattern: string): Promise<number> {
    const { body } = await this.#page('/metrics');
    return Number(new RegExp(`^${pattern} (\\d+)$`, 'm').exec(await body.text())?.[1]);
  }

  #page(path: string): ReturnType<typeof request> {
    return request(`http://127.0.0.1:${this.#adminPort}${path}`);
  }
}
