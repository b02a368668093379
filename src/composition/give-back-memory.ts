import v8 from 'node:v8';
import vm from 'node:vm';

/**
 * Gives back the memory that the start has taken and nobody needs any more. V8 enlarges the space for young objects while
 * much of it survives, as ten thousand caches do when they are listed, to 64 MiB, and keeps it as long as nothing urges
 * it to. Takes a tenth of a second or more, so it is for the moment before the first review.
 */
export function giveBackMemory(): void {
  // The only way to a collection that also shrinks the heap; the flag is off again before anybody else could use it.
  v8.setFlagsFromString('--expose-gc');
  // V8's own function of this name; there is none if a release of Node.js to come ignores the flag.
  const collect = vm.runInNewContext('globalThis.gc') as ((options: object) => void) | undefined;
  v8.setFlagsFromString('--no-expose-gc');
  collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
