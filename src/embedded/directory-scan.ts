import type { BigIntStats, Dirent } from 'node:fs';
import fs from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compareCodeUnits } from '../core/text-order.ts';

/** The manifest files under a directory at one moment, and what could not be looked at. */
export interface DirectoryScan {
  /** In the order of their paths by code unit. */
  readonly files: readonly ScannedFile[];
  /** Every directory read, by path: something that tells it from another directory put in its place. */
  readonly directories: ReadonlyMap<string, string>;
  /** Files and directories that are there and cannot be read; what is below them is unknown. */
  readonly unreadable: readonly Unreadable[];
}

export interface ScannedFile {
  /** Relative to the directory scanned, with `/` between names. */
  readonly path: string;
  /** Differs after every change but those within one tick of the file system's clock. */
  readonly signature: string;
  readonly sizeBytes: number;
  /** When content or attributes last changed, in milliseconds since the epoch, by the file system's clock. */
  readonly changedAtMs: number;
}

export interface Unreadable {
  readonly path: string;
  readonly reason: string;
}

/**
 * Finds every `*.yaml`, `*.yml` and `*.json` below a directory (spec 8, Files source). Names that start with a dot and
 * `node_modules` are passed over. Links are followed, to the `..data` folder of a mounted ConfigMap too; a directory
 * is read once, however many links lead to it.
 *
 * @throws Error of `node:fs` when the directory itself cannot be read or is replaced meanwhile.
 */
export async function scanDirectory(root: string): Promise<DirectoryScan> {
  const scanner = new Scanner(root);
  const before = identityOf(await stat(root, { bigint: true }));
  await scanner.run();
  const after = identityOf(await stat(root, { bigint: true }));
  if (before !== after) throw new Error(`${root} was replaced while it was read`);
  return scanner.result();
}

/** Half the work of the one in `node:fs/promises`; it is called for every file every second. */
const stat = promisify(fs.stat);

/** How many files are asked for at once. */
const BATCH = 64;

class Scanner {
  readonly #root: string;
  readonly #files: ScannedFile[] = [];
  readonly #directories = new Map<string, string>();
  readonly #visited = new Set<string>();
  readonly #unreadable: Unreadable[] = [];
  readonly #pending = [''];
  /** Directories behind links come last, so that each directory is known by its own path if it has one here. */
  readonly #linked: string[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  async run(): Promise<void> {
    for (let path = this.#next(); path !== undefined; path = this.#next()) await this.#readDirectory(path);
  }

  result(): DirectoryScan {
    return {
      files: this.#files.toSorted((a, b) => compareCodeUnits(a.path, b.path)),
      directories: this.#directories,
      unreadable: this.#unreadable.toSorted((a, b) => compareCodeUnits(a.path, b.path)),
    };
  }

  #next(): string | undefined {
    return this.#pending.shift() ?? this.#linked.shift();
  }

  async #readDirectory(path: string): Promise<void> {
    const absolute = join(this.#root, path);
    let entries: Dirent[];
    try {
      const identity = identityOf(await stat(absolute, { bigint: true }));
      if (this.#visited.has(identity)) return;
      this.#visited.add(identity);
      entries = await readdir(absolute, { withFileTypes: true });
      this.#directories.set(absolute, identity);
    } catch (error) {
      if (path === '') throw error;
      if (!isGone(error)) this.#unreadable.push({ path, reason: reasonOf(error) });
      return;
    }
    const toLookAt: Dirent[] = [];
    for (const entry of entries.toSorted((a, b) => compareCodeUnits(a.name, b.name))) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      if (entry.isDirectory()) this.#pending.push(below(path, entry.name));
      else if (entry.isSymbolicLink() || (entry.isFile() && isManifestName(entry.name))) toLookAt.push(entry);
    }
    for (let i = 0; i < toLookAt.length; i += BATCH) {
      await Promise.all(toLookAt.slice(i, i + BATCH).map((entry) => this.#lookAt(path, entry)));
    }
  }

  async #lookAt(directory: string, entry: Dirent): Promise<void> {
    const path = below(directory, entry.name);
    let stats: BigIntStats;
    try {
      stats = await stat(join(this.#root, path), { bigint: true });
    } catch (error) {
      if (!isManifestName(entry.name)) return;
      if (!isGone(error)) this.#unreadable.push({ path, reason: reasonOf(error) });
      else if (entry.isSymbolicLink() && (await this.#exists(path))) {
        this.#unreadable.push({ path, reason: 'the link leads to nothing' });
      }
      return;
    }
    if (stats.isDirectory()) this.#linked.push(path);
    else if (stats.isFile() && isManifestName(entry.name)) this.#files.push(scannedFile(path, stats));
  }

  async #exists(path: string): Promise<boolean> {
    return lstat(join(this.#root, path)).then(
      () => true,
      () => false,
    );
  }
}

function isManifestName(name: string): boolean {
  return /\.(?:ya?ml|json)$/.test(name);
}

function below(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

function scannedFile(path: string, stats: BigIntStats): ScannedFile {
  return {
    path,
    signature: `${identityOf(stats)}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
    sizeBytes: Number(stats.size),
    changedAtMs: Number(stats.ctimeMs),
  };
}

function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/** Whether an error of `node:fs` says that there is nothing at that path. */
export function isGone(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Why a file or directory cannot be read, and what to do, in a few words. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read it; allow it, or take it away';
    case 'ELOOP':
      return 'the link leads round in a circle';
    case 'ENOENT':
      return 'it does not exist';
    case 'ENOTDIR':
      return 'it is no directory';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
