import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { compareCodeUnits } from '../core/text-order.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import type { ManifestObject } from '../wire/manifests.ts';
import { decodeUtf8, parseManifests } from '../wire/manifests.ts';
import { unreadable } from './file-problem.ts';
import { ProgressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';

/** What kubectl reads from a folder, too. */
export const MANIFEST_NAME = /\.(?:ya?ml|json)$/;

/**
 * Reads all objects of these files, folders (recursively, in the order of their names) and `-` for standard input.
 *
 * @throws UsageError when a path cannot be read or a folder holds no manifest; ManifestError for broken content.
 */
export async function readManifests(paths: readonly string[], terminal: Terminal): Promise<ManifestObject[]> {
  const found: ManifestObject[][] = [];
  for (const path of paths) {
    if (path === '-') {
      found.push(parseManifests('<stdin>', decodeUtf8('<stdin>', await terminal.readStdin())));
      continue;
    }
    for (const file of await manifestFiles(path)) {
      found.push(parseManifests(file, decodeUtf8(file, await readInput(file))));
    }
  }
  return found.flat();
}

/** One file of manifests: what it holds, or why it cannot be read. */
export type ManifestFile =
  | { readonly file: string; readonly text: string; readonly objects: readonly ManifestObject[] }
  | { readonly file: string; readonly error: UsageError | ManifestError };

/** As {@link readManifests}, file by file, each once; what cannot be read stops nothing. */
export async function readEachManifest(paths: readonly string[], terminal: Terminal): Promise<ManifestFile[]> {
  const named = new Map<string, { readonly file: string } | ManifestFile>();
  for (const path of paths) {
    for (const file of await filesAt(path)) {
      const key = resolve(file.file);
      if (!named.has(key)) named.set(key, file);
    }
  }
  const progress = new ProgressLine(terminal);
  const read: ManifestFile[] = [];
  for (const file of named.values()) {
    progress.show(`reading ${read.length + 1} of ${named.size} files`);
    read.push('error' in file ? file : await readManifestFile(file.file, terminal));
  }
  progress.clear();
  return read;
}

async function filesAt(path: string): Promise<({ file: string } | { file: string; error: UsageError })[]> {
  if (path === '-') return [{ file: path }];
  try {
    return (await manifestFiles(path)).map((file) => ({ file }));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [{ file: path, error }];
  }
}

async function readManifestFile(path: string, terminal: Terminal): Promise<ManifestFile> {
  const file = path === '-' ? '<stdin>' : path;
  try {
    const text = decodeUtf8(file, path === '-' ? await terminal.readStdin() : await readInput(path));
    return { file, text, objects: parseManifests(file, text) };
  } catch (error) {
    if (error instanceof UsageError || error instanceof ManifestError) return { file, error };
    throw error;
  }
}

async function manifestFiles(path: string): Promise<string[]> {
  if (!(await isFolder(path))) return [path];
  const files = await filesBelow(path, MANIFEST_NAME);
  if (files.length > 0) return files;
  throw new UsageError(`${path}: no manifest in this folder; expected files named *.yaml, *.yml or *.json`);
}

/**
 * The files below a folder that have such a name, in the order of their names; those of folders that tools keep for
 * themselves left out, and what is no file: nobody may ever write into a pipe.
 *
 * @throws UsageError when the folder cannot be read.
 */
export async function filesBelow(folder: string, name: RegExp): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw unreadable(folder, cause);
  });
  return entries
    .filter((entry) => name.test(entry.name) && (entry.isFile() || entry.isSymbolicLink()))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !isHidden(relative(folder, file)))
    .toSorted(compareCodeUnits);
}

function isHidden(path: string): boolean {
  return path.split(/[\\/]/).some((part) => part === 'node_modules' || (part.startsWith('.') && part.length > 1));
}

/** @throws UsageError when the path cannot be looked at. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function readInput(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
}
