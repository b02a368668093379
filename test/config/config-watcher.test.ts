import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HotSettings, loadConfig } from '../../src/config/config.ts';
import type { ConfigError } from '../../src/config/config-error.ts';
import { type ConfigListener, ConfigWatcher } from '../../src/config/config-watcher.ts';
import type { SettingKey } from '../../src/config/definitions.ts';

let folder: string;
let watchers: ConfigWatcher[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imc-watch-'));
  watchers = [];
});

afterEach(async () => {
  for (const watcher of watchers) watcher.stop();
  await rm(folder, { recursive: true });
});

describe('ConfigWatcher', () => {
  it('gives new settings that count at once', async () => {
    const file = await settingsFile('mode: observe\n');
    const { listener } = watchFile(file);
    await replaceFile(file, 'mode: off\nlog: { level: debug }\ndrainSeconds: 3\nexpiryMargin: 1m\n');
    const settings = await listener.next('changed');
    expect(settings).toMatchObject({
      decision: { mode: 'off', expiryMarginMs: 60_000 },
      logLevel: 'debug',
      drainSeconds: 3,
    });
    expect(settings).toSatisfy(Object.isFrozen);
  });

  it('keeps flags and environment above the file', async () => {
    const file = await settingsFile('mode: observe\n');
    const { listener } = watchFile(file, { env: { IMC_POD_SCOPE: 'all' }, flags: { mode: 'enforce' } });
    await replaceFile(file, 'mode: off\npodScope: eci\nwarnings: off\n');
    expect(await listener.next('changed')).toMatchObject({
      decision: { mode: 'enforce', podScope: 'all', warnings: 'off' },
    });
  });

  it('reports a broken file once, keeps the settings, and takes the next good one', async () => {
    const file = await settingsFile('mode: observe\n');
    const { listener } = watchFile(file);
    await replaceFile(file, 'mode: observe\npartialmatch: pin\n');
    const error = await listener.next('invalid');
    expect(error).toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    expect(error.message).toBe(`${file}:2:1: partialmatch: unknown setting; did you mean partialMatch?`);
    await replaceFile(file, 'mode: observe\npartialMatch: pin\n');
    expect(await listener.next('changed')).toMatchObject({ decision: { mode: 'observe', partialMatch: 'pin' } });
    expect(listener.kinds()).toEqual(['invalid', 'changed']);
  });

  it('names settings that need a restart, once, and takes the others', async () => {
    const file = await settingsFile('port: 1\n');
    const { listener } = watchFile(file);
    await replaceFile(file, 'port: 2\nadminHost: "::1"\nmode: off\n');
    expect(await listener.next('changed')).toMatchObject({ decision: { mode: 'off' } });
    expect(await listener.next('needsRestart')).toEqual(['port', 'adminHost']);
    await replaceFile(file, 'port: 2\nadminHost: "::1"\nmode: observe\n');
    expect(await listener.next('changed')).toMatchObject({ decision: { mode: 'observe' } });
    await replaceFile(file, 'port: 1\nmode: enforce\n');
    await listener.next('changed');
    expect(listener.kinds()).toEqual(['changed', 'needsRestart', 'changed', 'changed']);
  });

  it('says nothing of a change that changes no setting', async () => {
    const file = await settingsFile('mode: observe\n');
    const { listener } = watchFile(file);
    await replaceFile(file, '# only said in other words\n{ "mode": "observe", "drainSeconds": 10 }\n');
    await replaceFile(file, 'mode: off\n');
    await listener.next('changed');
    expect(listener.kinds()).toEqual(['changed']);
  });

  it('notices what changed between loading and watching', async () => {
    const file = await settingsFile('mode: observe\n');
    const { listener } = watchFile(file, { meanwhile: 'mode: off\n' });
    expect(await listener.next('changed')).toMatchObject({ decision: { mode: 'off' } });
  });

  it('follows the symbolic links of a mounted ConfigMap', async () => {
    await mountVersion('1', 'mode: observe\n');
    await symlink('..1', join(folder, '..data'));
    const file = join(folder, 'imc.yaml');
    await symlink('..data/imc.yaml', file);
    const { listener } = watchFile(file, { pollMs: 1_000_000 });
    for (const [version, mode] of [
      ['2', 'off'],
      ['3', 'enforce'],
    ] as const) {
      await mountVersion(version, `mode: ${mode}\n`);
      await symlink(`..${version}`, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
      await rm(join(folder, `..${Number(version) - 1}`), { recursive: true });
      expect(await listener.next('changed')).toMatchObject({ decision: { mode } });
    }
    expect(listener.kinds()).toEqual(['changed', 'changed']);
  });

  it('reads the file every now and then, where no event tells of the change', async () => {
    await mkdir(join(folder, 'elsewhere'));
    const target = join(folder, 'elsewhere', 'real.yaml');
    await replaceFile(target, 'mode: observe\n');
    await mkdir(join(folder, 'here'));
    const file = join(folder, 'here', 'imc.yaml');
    await symlink(target, file);
    const { listener } = watchFile(file, { pollMs: 20 });
    await replaceFile(target, 'mode: off\n');
    expect(await listener.next('changed')).toMatchObject({ decision: { mode: 'off' } });
  });

  it('reports a file that has gone, and takes it when it is back, with its folder', async () => {
    await mkdir(join(folder, 'sub'));
    const file = join(folder, 'sub', 'imc.yaml');
    await replaceFile(file, 'mode: observe\n');
    const { listener } = watchFile(file, { pollMs: 20 });
    await rename(join(folder, 'sub'), join(folder, 'away'));
    expect((await listener.next('invalid')).message).toContain('the settings file cannot be read (ENOENT)');
    await replaceFile(join(folder, 'away', 'imc.yaml'), 'mode: off\n');
    await rename(join(folder, 'away'), join(folder, 'sub'));
    expect(await listener.next('changed')).toMatchObject({ decision: { mode: 'off' } });
    expect(listener.kinds()).toEqual(['invalid', 'changed']);
  });

  it('reads the file where there is no folder to watch yet', async () => {
    const file = join(folder, 'later', 'imc.yaml');
    const { listener } = watchFile(file, { pollMs: 20, startText: 'mode: observe\n' });
    await listener.next('invalid');
    await mkdir(join(folder, 'later'));
    await replaceFile(file, 'mode: off\n');
    expect(await listener.next('changed')).toMatchObject({ decision: { mode: 'off' } });
  });

  it('says nothing more once stopped', async () => {
    const file = await settingsFile('mode: observe\n');
    const stopped = watchFile(file);
    const other = watchFile(file);
    stopped.watcher.stop();
    stopped.watcher.stop();
    await replaceFile(file, 'mode: off\n');
    await other.listener.next('changed');
    expect(stopped.listener.kinds()).toEqual([]);
  });
});

interface Told {
  readonly changed: HotSettings;
  readonly invalid: ConfigError;
  readonly needsRestart: readonly SettingKey[];
}

type Call = { readonly [Kind in keyof Told]: { readonly kind: Kind; readonly value: Told[Kind] } }[keyof Told];

/** Keeps what it is told, and lets tests wait for more. */
class RecordingListener implements ConfigListener {
  readonly #calls: Call[] = [];
  #read = 0;
  #wake: () => void = () => undefined;

  changed(value: HotSettings): void {
    this.#add({ kind: 'changed', value });
  }

  invalid(value: ConfigError): void {
    this.#add({ kind: 'invalid', value });
  }

  needsRestart(value: readonly SettingKey[]): void {
    this.#add({ kind: 'needsRestart', value });
  }

  kinds(): string[] {
    return this.#calls.map(({ kind }) => kind);
  }

  /** The value of the next call, which must be of this kind. */
  async next<Kind extends keyof Told>(kind: Kind): Promise<Told[Kind]> {
    await this.#until(() => this.#calls.length > this.#read);
    const call = this.#calls[this.#read];
    this.#read += 1;
    expect(call).toMatchObject({ kind });
    // As the line above has checked.
    return call?.value as Told[Kind];
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #add(call: Call): void {
    this.#calls.push(call);
    this.#wake();
  }
}

interface WatchOptions {
  readonly env?: Record<string, string>;
  readonly flags?: Record<string, unknown>;
  readonly pollMs?: number;
  /** What the file says when the settings are loaded, if not what it really says. */
  readonly startText?: string;
  /** What is written to the file after loading and before watching. */
  readonly meanwhile?: string;
}

function watchFile(file: string, options: WatchOptions = {}): { watcher: ConfigWatcher; listener: RecordingListener } {
  const { env = {}, flags = {}, pollMs = 2000, startText, meanwhile } = options;
  const request = { file, env, flags, context: { command: 'serve' } } as const;
  const started = loadConfig({ ...request, fileText: startText });
  const listener = new RecordingListener();
  const watcher = new ConfigWatcher(request, started, listener, { settleMs: 25, pollMs });
  watchers.push(watcher);
  if (meanwhile !== undefined) writeFileSync(file, meanwhile);
  watcher.start();
  return { watcher, listener };
}

async function settingsFile(text: string): Promise<string> {
  const file = join(folder, 'imc.yaml');
  await replaceFile(file, text);
  return file;
}

async function mountVersion(version: string, text: string): Promise<void> {
  await mkdir(join(folder, `..${version}`));
  await writeFile(join(folder, `..${version}`, 'imc.yaml'), text);
}

/** Changes the file in one step, so that nobody sees it half written. */
async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}
