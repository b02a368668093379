import type { CacheService } from './cache-service.ts';
import type { ImageCacheObjects } from './image-cache-objects.ts';
import type { Note } from './note.ts';

/** A process that may no longer write: after a pause that nothing announced, another may be leading. */
export class NotLeadingError extends Error {
  constructor() {
    super('not written: another controller may be leading by now');
    this.name = 'NotLeadingError';
  }
}

type IsHeld = () => boolean;

/** The same objects, each write of which asks first whether we still lead. */
export function leaderOnlyObjects(objects: ImageCacheObjects, isHeld: IsHeld): ImageCacheObjects {
  return {
    current: () => objects.current(),
    onChange: (listener) => objects.onChange(listener),
    create: (cache) => ifHeld(isHeld, () => objects.create(cache)),
    mark: (object, marks) => ifHeld(isHeld, () => objects.mark(object, marks)),
    writeStatus: (object, status) => ifHeld(isHeld, () => objects.writeStatus(object, status)),
    remove: (object) => ifHeld(isHeld, () => objects.remove(object)),
  };
}

/** The same service, each request of which that changes something asks first whether we still lead. */
export function leaderOnlyService(service: CacheService, isHeld: IsHeld): CacheService {
  return {
    create: (request) => ifHeld(isHeld, () => service.create(request)),
    describe: (page) => service.describe(page),
    update: (request) => ifHeld(isHeld, () => service.update(request)),
    delete: (imageCacheId, clientToken) => ifHeld(isHeld, () => service.delete(imageCacheId, clientToken)),
  };
}

/** The same note, written only while we lead. */
export function leaderOnlyNote(note: Note, isHeld: IsHeld): Note {
  return { read: () => note.read(), write: (text) => ifHeld(isHeld, () => note.write(text)) };
}

async function ifHeld<Result>(isHeld: IsHeld, write: () => Promise<Result>): Promise<Result> {
  if (!isHeld()) throw new NotLeadingError();
  return write();
}
