import { describe, expect, it } from 'vitest';
import { RefusedWriteError } from '../../src/controller/refused-write-error.ts';
import { ConfigMapNotes } from '../../src/kubernetes/config-map-notes.ts';
import { aServer } from './cluster-writers.ts';

const CONFIG_MAPS = '/api/v1/namespaces/imc-system/configmaps';
const STATE = { namespace: 'imc-system', name: 'state' };

describe('ConfigMapNotes', () => {
  it('keeps texts by key, in a ConfigMap that it makes', async () => {
    const { api, client } = await aServer(CONFIG_MAPS);
    const notes = new ConfigMapNotes(client, STATE);
    expect(await notes.note('a').read()).toBeUndefined();
    await notes.note('a').write('one');
    await notes.note('b').write('two');
    await notes.note('a').write('three');
    expect(api.objects(CONFIG_MAPS)).toMatchObject([{ metadata: { name: 'state' }, data: { a: 'three', b: 'two' } }]);
    const others = new ConfigMapNotes(client, STATE);
    expect(await Promise.all([others.note('a').read(), others.note('b').read()])).toEqual(['three', 'two']);
  });

  it('fills in a ConfigMap that is there and empty, as the chart makes it', async () => {
    const { api, client } = await aServer(CONFIG_MAPS);
    api.put(CONFIG_MAPS, { metadata: { name: 'state', labels: { app: 'imc' } } });
    const note = new ConfigMapNotes(client, STATE).note('a');
    expect(await note.read()).toBeUndefined();
    await note.write('one');
    expect(api.objects(CONFIG_MAPS)).toMatchObject([{ metadata: { labels: { app: 'imc' } }, data: { a: 'one' } }]);
  });

  it('packs what nobody reads but us', async () => {
    const { api, client } = await aServer(CONFIG_MAPS);
    const text = 'ten letters'.repeat(100_000);
    await new ConfigMapNotes(client, STATE).note('books', { packed: true }).write(text);
    const [{ binaryData } = {}] = api.objects(CONFIG_MAPS) as { binaryData: { books: string } }[];
    expect(binaryData?.books.length).toBeLessThan(10_000);
    expect(await new ConfigMapNotes(client, STATE).note('books', { packed: true }).read()).toBe(text);
  });

  it('refuses what has no room, and says how much that is', async () => {
    const { client } = await aServer(CONFIG_MAPS);
    const writing = new ConfigMapNotes(client, STATE).note('a').write('x'.repeat(900_001));
    await expect(writing).rejects.toThrow(RefusedWriteError);
    await expect(writing).rejects.toThrow('imc-system/state: a would take 900001 bytes');
  });

  it('overwrites nothing that another one has written since, and can after it has read that', async () => {
    const { client } = await aServer(CONFIG_MAPS);
    const [mine, theirs] = [new ConfigMapNotes(client, STATE).note('a'), new ConfigMapNotes(client, STATE).note('a')];
    await mine.write('mine');
    await theirs.read();
    await theirs.write('theirs');
    await expect(mine.write('mine again')).rejects.toMatchObject({ status: 409 });
    await expect(mine.write('mine again')).rejects.toMatchObject({ status: 409 });
    expect(await mine.read()).toBe('theirs');
    await mine.write('mine again');
    expect(await theirs.read()).toBe('mine again');
  });

  it('makes the ConfigMap anew when somebody deletes it', async () => {
    const { api, client } = await aServer(CONFIG_MAPS);
    const note = new ConfigMapNotes(client, STATE).note('a');
    await note.write('one');
    api.remove(CONFIG_MAPS, 'state');
    await note.write('two');
    expect(await note.read()).toBe('two');
  });

  it('writes one after another', async () => {
    const { client } = await aServer(CONFIG_MAPS);
    const notes = new ConfigMapNotes(client, STATE);
    await Promise.all(Array.from({ length: 10 }, (_, i) => notes.note(`k${i}`).write(`${i}`)));
    expect(await notes.note('k9').read()).toBe('9');
  });
});
