import { setImmediate } from 'node:timers/promises';
import type { JsonObject } from '../wire/json.ts';
import { isStatus } from './cluster-errors.ts';
import type { KubeClient, RequestOptions } from './kube-client.ts';
import type { ResourceAddress } from './resource-path.ts';

/** A complete list, of what was made of each object. */
export interface WholeList<Item> {
  readonly items: readonly Item[];
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
}

/**
 * Lists everything there is, and keeps of each object only what `reduce` makes of it: there is never more than a page of
 * raw objects. A list whose continuation has expired in the middle (410) starts over, the second time in one page.
 *
 * @param reduce - called once for each object of each attempt, in order; what it returns is kept.
 * @throws what {@link KubeClient} throws.
 */
export async function readWholeList<Item>(
  client: Pick<KubeClient, 'list'>,
  address: ResourceAddress,
  reduce: (object: JsonObject) => Item,
  options: RequestOptions = {},
): Promise<WholeList<Item>> {
  try {
    return await readPages(client, address, reduce, options);
  } catch (error) {
    if (!isStatus(error, 410)) throw error;
  }
  try {
    return await readPages(client, address, reduce, options);
  } catch (error) {
    if (!isStatus(error, 410)) throw error;
  }
  return readPages(client, address, reduce, { ...options, pageSize: 0 });
}

/** So many objects are reduced within a few milliseconds. */
const BATCH = 50;

async function readPages<Item>(
  client: Pick<KubeClient, 'list'>,
  address: ResourceAddress,
  reduce: (object: JsonObject) => Item,
  options: RequestOptions & { readonly pageSize?: number },
): Promise<WholeList<Item>> {
  const items: Item[] = [];
  let resourceVersion = '';
  for await (const page of client.list(address, options)) {
    for (const [i, object] of page.items.entries()) {
      // Reviews get their turn while thousands of objects arrive.
      if (i % BATCH === BATCH - 1) await setImmediate();
      items.push(reduce(object));
    }
    resourceVersion = page.resourceVersion;
  }
  return { items, resourceVersion };
}
