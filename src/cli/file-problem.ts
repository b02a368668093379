import { UsageError } from './terminal.ts';

/** A path that cannot be read, in the words of a user. */
export function unreadable(path: string, cause: unknown): UsageError {
  return new UsageError(`${path}: ${problemOf(cause, READING)}`, { cause });
}

/** A path that cannot be written, in the words of a user. */
export function unwritable(path: string, cause: unknown): UsageError {
  return new UsageError(`${path}: ${problemOf(cause, WRITING)}`, { cause });
}

function problemOf(cause: unknown, reasons: Readonly<Record<string, string>>): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
}

const ANYWHERE = {
  EISDIR: 'this is a folder, a file is expected',
  ENOTDIR: 'a part of this path is no folder; check the path',
  ELOOP: 'the links on this path lead in a circle; check them',
  ENAMETOOLONG: 'the path is too long; shorten it',
};

const READING: Readonly<Record<string, string>> = {
  ...ANYWHERE,
  ENOENT: 'no such file or folder; check the path',
  EACCES: 'permission denied; check who may read it',
};

const WRITING: Readonly<Record<string, string>> = {
  ...ANYWHERE,
  ENOENT: 'the folder does not exist; make it, or choose another place',
  EEXIST: 'this is a file, a folder is expected',
  EACCES: 'permission denied; check who may write there',
  EROFS: 'nothing can be written there; choose another place',
  ENOSPC: 'no space is left there; make room, or choose another place',
  EDQUOT: 'no space is left there for you; make room, or choose another place',
};
