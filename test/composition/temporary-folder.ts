import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';

const folders: string[] = [];

/**
 * A folder of its own with these files in it, which is gone after the tests of the file.
 *
 * @param files - content by path; folders on the way are made.
 */
export function temporaryFolder(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'imc-test-'));
  folders.push(folder);
  for (const [path, content] of Object.entries(files)) writeIn(folder, path, content);
  return folder;
}

/** Writes a file below a folder. */
export function writeIn(folder: string, path: string, content: string | Uint8Array): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
