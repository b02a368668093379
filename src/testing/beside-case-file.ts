import { dirname, isAbsolute, join } from 'node:path';

/** A path that a case file names, from where the program runs: relative ones start at the folder of the case file. */
export function besideCaseFile(caseFile: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(caseFile), path);
}
