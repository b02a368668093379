import { describe, expect, it } from 'vitest';
import type { CacheService } from '../../src/controller/cache-service.ts';
import type { ImageCacheObjects } from '../../src/controller/image-cache-objects.ts';
import {
  leaderOnlyNote,
  leaderOnlyObjects,
  leaderOnlyService,
  NotLeadingError,
} from '../../src/controller/leader-only.ts';
import type { Note } from '../../src/controller/note.ts';

/** Anything that notes what it was asked for. */
function recorder(asked: string[]): ImageCacheObjects & CacheService & Note {
  const handler = { get: (_target: object, method: string) => () => Promise.resolve(asked.push(method)) };
  return new Proxy({}, handler) as ImageCacheObjects & CacheService & Note;
}

/** Calls every method of a port, and tells which were refused. */
async function refusedBy(port: object, asked: string[]): Promise<{ refused: string[]; asked: string[] }> {
  const refused: string[] = [];
  for (const [name, method] of Object.entries(port) as [string, (...values: unknown[]) => unknown][]) {
    try {
      await method({}, {});
    } catch (error) {
      if (!(error instanceof NotLeadingError)) throw error;
      refused.push(name);
    }
  }
  return { refused, asked };
}

describe.each([
  [
    'objects',
    (asked: string[], isHeld: () => boolean) => leaderOnlyObjects(recorder(asked), isHeld),
    ['current', 'onChange'],
    ['create', 'mark', 'writeStatus', 'remove'],
  ],
  [
    'a service',
    (asked: string[], isHeld: () => boolean) => leaderOnlyService(recorder(asked), isHeld),
    ['describe'],
    ['create', 'update', 'delete'],
  ],
  ['a note', (asked: string[], isHeld: () => boolean) => leaderOnlyNote(recorder(asked), isHeld), ['read'], ['write']],
] as const)('only the leader writes: %s', (_title, guard, reads, writes) => {
  it('everything goes through while the Lease is held', async () => {
    const asked: string[] = [];
    const result = await refusedBy(
      guard(asked, () => true),
      asked,
    );
    expect(result.refused).toEqual([]);
    expect(result.asked.toSorted()).toEqual([...reads, ...writes].toSorted());
  });

  it('nothing but reading does when it may be another’s', async () => {
    const asked: string[] = [];
    const result = await refusedBy(
      guard(asked, () => false),
      asked,
    );
    expect(result.refused.toSorted()).toEqual([...writes].toSorted());
    expect(result.asked.toSorted()).toEqual([...reads].toSorted());
  });
});
