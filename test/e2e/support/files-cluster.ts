import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageCacheBuilder } from '../../support/image-cache-builder.ts';
import { runFolder } from './assets.ts';

/** A folder with these caches, for a webhook that reads the cluster from files; gives the arguments that name it. */
export function sourceOfFiles(...caches: readonly ImageCacheBuilder[]): readonly string[] {
  const folder = runFolder('files');
  const list = { apiVersion: 'v1', kind: 'List', items: caches.map((cache) => cache.build()) };
  writeFileSync(join(folder, 'caches.json'), JSON.stringify(list));
  return ['--source', 'files', '--dir', folder];
}
