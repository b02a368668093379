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
 * Lists everything there is, and keeps of each object only what `reduce` makes of it. A list whose continuation has expired in the middle (410) starts over, the second time in one page.
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

async function readPages<Item>(
  client: Pick<KubeClient, 'list'>,
  address: ResourceAddress,
  reduce: (object: JsonObject) => Item,
  options: RequestOptions & { readonly pageSize?: number },
): Promise<WholeList<Item>> {
  const items: Item[] = [];
  const resourceVersion = await client.list(address, (object) => items.push(reduce(object)), options);
  return { items, resourceVersion };
}
