import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { filesBelow, isFolder } from './manifest-files.ts';
import { UsageError } from './terminal.ts';

const CASE_FILE_NAME = /\.imctest\.ya?ml$/;

/**
 * The case files under these paths: files as they are, and what is called `*.imctest.yaml` in folders, recursively and
 * in the order of their names; each once.
 *
 * @throws UsageError for a path that cannot be read, a folder without case files, and a file in a folder that holds
 * cases under a name that nobody looks for.
 */
export async function caseFilesIn(paths: readonly string[]): Promise<string[]> {
  const files = new Map<string, string>();
  for (const path of paths) {
    for (const file of (await isFolder(path)) ? await caseFilesOf(path) : [path]) {
      const key = resolve(file);
      if (!files.has(key)) files.set(key, file);
    }
  }
  return [...files.values()];
}

async function caseFilesOf(folder: string): Promise<string[]> {
  const files = await filesBelow(folder, /\.ya?ml$/);
  for (const file of files) {
    if (CASE_FILE_NAME.test(file) || !(await looksLikeCases(file))) continue;
    throw new UsageError(
      `${file}: holds cases (kind: AdmissionTest), but in a folder only files called *.imctest.yaml are run; rename it`,
    );
  }
  const cases = files.filter((file) => CASE_FILE_NAME.test(file));
  if (cases.length > 0) return cases;
  throw new UsageError(`${folder}: no case file in this folder; expected files called *.imctest.yaml`);
}

/** Enough to see what kind of objects a file holds. */
const FIRST_BYTES = 4096;

/** Cases that are never run would pass for ever. */
async function looksLikeCases(file: string): Promise<boolean> {
  let handle: Awaited<ReturnType<typeof open>> | undefined;
  try {
    handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(FIRST_BYTES), 0, FIRST_BYTES, 0);
    return /^kind:[ \t]*["']?AdmissionTest\b/m.test(buffer.toString('utf8', 0, bytesRead));
  } catch {
    return false; // whatever it is, no case names it
  } finally {
    await handle?.close();
  }
}
