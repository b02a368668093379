import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Note } from '../controller/note.ts';
import { isGone } from './directory-scan.ts';

/** A text in a file that is replaced as a whole: where the controller keeps what it must not forget. */
export class NoteFile implements Note {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** `undefined` when nothing was ever written. */
  async read(): Promise<string | undefined> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** Written beside and renamed, so that no reader sees half a text. */
  async write(text: string): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await writeFile(`${this.#path}.new`, text);
    await rename(`${this.#path}.new`, this.#path);
  }
}
