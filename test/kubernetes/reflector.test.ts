import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { KubeClient } from '../../src/kubernetes/kube-client.ts';
import { Reflector, type ReflectorListener, type RestartCause } from '../../src/kubernetes/reflector.ts';
import type { Timers } from '../../src/kubernetes/timers.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { until } from '../certs/until.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { answerJson, answerStatus, FakeApiServer, type FakeRequest } from '../support/fake-api-server.ts';
import { ManualTimers, SILENCE_MS } from '../support/manual-timers.ts';

const THINGS = { group: 'test.example', version: 'v1', resource: 'things' };
const PATH = '/apis/test.example/v1/things';

let api: FakeApiServer;

beforeEach(async () => {
  api = (await FakeApiServer.start()).addCollection(PATH);
});

afterEach(() => api.stop());

describe('the beginning', () => {
  it('lists in pages of 500 and watches from there, with bookmarks and a spread time limit', async () => {
    for (let i = 0; i < 1001; i += 1) api.put(PATH, thing(`t${i}`, i));
    const { state, timers } = await follow({ randomness: 0.999 });
    await until(() => api.watches.size === 1);
    expect(state.things.size).toBe(1001);
    expect(api.requests.map(({ query }) => Object.fromEntries(query))).toEqual([
      { limit: '500' },
      { limit: '500', continue: expect.any(String) },
      { limit: '500', continue: expect.any(String) },
      { watch: 'true', resourceVersion: '1101', allowWatchBookmarks: 'true', timeoutSeconds: '480' },
    ]);
    timers.randomness = 0;
    api.endWatches(PATH);
    await timers.passWait();
    await until(() => lastRequest()?.query.get('timeoutSeconds') === '240');
  });

  it('begins once, however often it is started', async () => {
    const { reflector, state } = await follow();
    reflector.start();
    reflector.start();
    await until(() => api.watches.size === 1);
    expect(api.requests).toHaveLength(2);
    expect(state.listings).toBe(1);
  });

  it('tells nothing before the listing is complete', async () => {
    for (let i = 0; i < 501; i += 1) api.put(PATH, thing(`t${i}`, i));
    let release = (): void => undefined;
    api.intercept(({ query }, response) => {
      if (!query.has('continue')) return false;
      release = () => answerStatus(500, 'InternalError', 'no')({} as FakeRequest, response);
      return true;
    });
    const { state } = await follow();
    await until(() => api.requests.length === 2);
    expect(state).toMatchObject({ listings: 0, hearings: 0 });
    release();
    await until(() => state.causes.length === 1);
    expect(state).toMatchObject({ listings: 0, hearings: 0, causes: ['refused'] });
  });

  it('takes a listing that trickles in', async () => {
    api.put(PATH, thing('a', 1));
    void api.answerNext(isList, (_request, response) => {
      const list = JSON.stringify({ metadata: { resourceVersion: '101' }, items: [thing('a', 1)] });
      response.writeHead(200);
      for (const character of list) response.write(character);
      response.end();
      return true;
    });
    const { state } = await follow();
    await until(() => state.listings === 1);
    expect(state.things.get('a')).toBe(1);
  });
});

describe('changes', () => {
  it('arrive as they happen', async () => {
    api.put(PATH, thing('a', 1));
    const { state } = await follow();
    await until(() => api.watches.size === 1);
    api.put(PATH, thing('b', 1));
    api.put(PATH, thing('a', 2));
    api.remove(PATH, 'b');
    api.put(PATH, thing('c', 1));
    await until(() => state.things.has('c'));
    expect(state.things).toEqual(
      new Map([
        ['a', 2],
        ['c', 1],
      ]),
    );
  });

  it.each<[string, RestartCause, () => void]>([
    ['the server ends it', 'ended', () => api.endWatches(PATH)],
    ['the connection is cut', 'cut', () => api.cutConnections()],
    ['a line is no JSON', 'cut', () => api.sendLine(PATH, '{')],
    ['an event has no object', 'cut', () => api.sendLine(PATH, '{"type":"ADDED"}')],
    [
      'the server reports an error',
      'refused',
      () => api.sendLine(PATH, '{"type":"ERROR","object":{"kind":"Status","code":500}}'),
    ],
  ])('are caught up with, without a listing, when a watch is over: %s', async (_title, cause, end) => {
    const { state, timers } = await follow();
    await until(() => api.watches.size === 1);
    api.put(PATH, thing('a', 1));
    await until(() => state.things.has('a'));
    api.silently(() => api.put(PATH, thing('b', 1)));
    end();
    await timers.passWait();
    await until(() => state.things.has('b'));
    expect(state).toMatchObject({ causes: [cause], listings: 1, failures: [] });
    expect(lastRequest()?.query.get('resourceVersion')).toBe('101');
  });

  it('of a kind to come are passed over', async () => {
    const { state } = await follow();
    await until(() => api.watches.size === 1);
    api.sendLine(PATH, '{"type":"TELEPORTED","object":{"metadata":{"name":"x","resourceVersion":"999"}}}');
    api.put(PATH, thing('a', 1));
    await until(() => state.things.has('a'));
    expect(state.things.size).toBe(1);
  });
});

describe('a version that has expired (410)', () => {
  it.each<[string, () => void]>([
    ['in the watch', () => undefined],
    ['as the status of the watch', () => void api.answerNext(isWatch, answerStatus(410, 'Gone', 'too old'))],
  ])('leads to a new listing that also tells what is gone: %s', async (_title, prepare) => {
    api.put(PATH, thing('stays', 1));
    api.put(PATH, thing('goes', 1));
    const { state, timers } = await follow();
    await until(() => api.watches.size === 1);
    api.silently(() => {
      api.remove(PATH, 'goes');
      api.put(PATH, thing('comes', 1));
    });
    api.forgetHistory();
    prepare();
    api.cutConnections();
    await timers.passWait();
    await timers.passWait();
    await until(() => state.listings === 2);
    expect([...state.things.keys()]).toEqual(['stays', 'comes']);
    expect(state.causes).toEqual(['cut', 'expired']);
    // What had not changed was not read again.
    expect(state.reads).toBe(3);
  });

  it('in the middle of a listing starts it over, and gives it up for one page when that happens again', async () => {
    for (let i = 0; i < 501; i += 1) api.put(PATH, thing(`t${i}`, i));
    void api.answerNext(
      ({ query }) => query.has('continue'),
      answerStatus(410, 'Expired', 'continue'),
      answerStatus(410, 'Expired', 'continue'),
    );
    const { state } = await follow();
    await until(() => state.listings === 1);
    expect(state.things.size).toBe(501);
    expect(state.causes).toEqual([]);
    expect(api.requests.filter(isList).map(({ query }) => query.get('limit'))).toEqual([
      '500',
      '500',
      '500',
      '500',
      '0',
    ]);
  });

  it('for ever is asked for less and less often', async () => {
    api.intercept((request, response) => isWatch(request) && answerStatus(410, 'Gone', 'no')(request, response));
    const { state, timers } = await follow();
    for (let i = 0; i < 9; i += 1) await timers.passWait();
    expect(timers.waits.slice(0, 9)).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    expect(new Set(state.causes)).toEqual(new Set(['expired']));
  });
});

describe('a server in trouble', () => {
  it.each<[number, RestartCause]>([
    [401, 'refused'],
    [403, 'refused'],
    [429, 'refused'],
    [500, 'refused'],
    [503, 'refused'],
  ])('that answers %i is tried again until it lists', async (status, cause) => {
    const stop = api.intercept(answerStatus(status, '', 'no'));
    const { state, timers } = await follow();
    await timers.passWait();
    await timers.passWait();
    await until(() => state.causes.length === 3);
    expect(state).toMatchObject({ listings: 0, hearings: 0, causes: [cause, cause, cause] });
    stop();
    await timers.passWait();
    await until(() => state.listings === 1);
  });

  it('says when to come back, and is heeded', async () => {
    void api.answerNext(isList, answerStatus(429, 'TooManyRequests', 'later', { 'retry-after': '7' }));
    const { timers } = await follow({ randomness: 0.5 });
    expect(await timers.passWait()).toBe(7350);
  });

  it('that accepts watches only to end them is asked less and less often; an event or a bookmark makes it good', async () => {
    const { timers } = await follow();
    for (let i = 0; i < 4; i += 1) {
      await until(() => api.watches.size === 1);
      api.endWatches(PATH);
      await timers.passWait();
      await until(() => api.requests.length === 3 + i);
    }
    expect(timers.waits).toEqual([250, 500, 1000, 2000]);
    await until(() => api.watches.size === 1);
    api.bookmark(PATH);
    api.endWatches(PATH);
    await timers.passWait();
    expect(timers.waits.at(-1)).toBe(250);
    // A quiet one that lasted was good as well.
    await until(() => api.watches.size === 1);
    timers.advance(10_000);
    api.endWatches(PATH);
    await timers.passWait();
    expect(timers.waits.at(-1)).toBe(250);
  });

  it('spreads its clients: the same failure, other waits', async () => {
    api.intercept(answerStatus(500, '', 'no'));
    const [one, other] = [await follow({ randomness: 0 }), await follow({ randomness: 0.9 })];
    expect(await one.timers.passWait()).toBe(250);
    expect(await other.timers.passWait()).toBe(475);
  });
});

describe('silence', () => {
  it('spec S4: neither event nor bookmark for 130 s means another connection, from where the last one was', async () => {
    const { state, timers } = await follow();
    await until(() => api.watches.size === 1);
    timers.advance(SILENCE_MS - 1);
    api.bookmark(PATH);
    await until(() => state.hearings === 2);
    timers.advance(SILENCE_MS - 1);
    expect(state.causes).toEqual([]);
    timers.advance(1);
    await timers.passWait();
    expect(state).toMatchObject({ causes: ['silent'], listings: 1 });
    await until(() => api.watches.size === 1 && api.requests.filter(isWatch).length === 2);
  });

  it('again and again puts the version in doubt: list again', async () => {
    const { state, timers } = await follow();
    for (let i = 1; i <= 5; i += 1) {
      await until(() => api.requests.filter(isWatch).length === i && api.watches.size === 1);
      timers.advance(SILENCE_MS);
      await timers.passWait();
    }
    await until(() => state.listings === 2);
    expect(state.causes).toEqual(Array(5).fill('silent'));
  });

  it('also of a server that never begins to answer the watch', async () => {
    void api.answerNext(isWatch, () => true);
    const { state, timers } = await follow();
    await until(() => api.requests.filter(isWatch).length === 1);
    timers.advance(SILENCE_MS);
    await timers.passWait();
    await until(() => api.watches.size === 1);
    expect(state.causes).toEqual(['silent']);
  });
});

describe('a resource that the server does not know (404)', () => {
  it('spec S2: counts as an empty listing, and is asked for every 30 s until it is installed', async () => {
    api.removeCollection(PATH);
    const { state, timers } = await follow();
    expect(await timers.passWait()).toBe(30_000);
    expect(await timers.passWait()).toBe(30_000);
    await until(() => state.denials === 3);
    expect(state).toMatchObject({ listings: 3, causes: ['missing', 'missing', 'missing'] });
    api.addCollection(PATH).put(PATH, thing('a', 1));
    await timers.passWait();
    await until(() => state.things.has('a'));
  });

  it('is not given up at once, since a server that has just started may deny it for a moment', async () => {
    api.put(PATH, thing('a', 1));
    const { state, timers } = await follow();
    await until(() => api.watches.size === 1);
    const stop = api.intercept((_request, response) => {
      response.writeHead(404).end('404 page not found');
      return true;
    });
    api.cutConnections();
    for (let i = 0; i < 3; i += 1) await timers.passWait();
    await until(() => state.causes.length === 4);
    stop();
    await timers.passWait();
    await until(() => api.watches.size === 1);
    expect(state).toMatchObject({
      denials: 0,
      things: new Map([['a', 1]]),
      causes: ['cut', 'missing', 'missing', 'missing'],
    });
  });

  it('is given up when it stays away', async () => {
    api.put(PATH, thing('a', 1));
    const { state, timers } = await follow();
    await until(() => api.watches.size === 1);
    api.removeCollection(PATH);
    for (let waited = 0; waited < 60_000; ) waited += await timers.passWait();
    expect(state.things.size).toBe(0);
    expect(state.denials).toBeGreaterThan(0);
  });
});

describe('the end', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['in a watch', () => until(() => api.watches.size === 1)],
    [
      'in a listing',
      () => {
        api.intercept(() => true);
        return until(() => api.requests.length === 1);
      },
    ],
    [
      'between attempts',
      async () => {
        api.intercept(answerStatus(500, '', 'no'));
        await until(() => api.requests.length === 1);
      },
    ],
  ])('comes at once, and nothing is told any more: %s', async (_title, reach) => {
    const { reflector, state } = await follow();
    await reach();
    const stopped = reflector.stop();
    const before = structuredClone(state);
    await stopped;
    await reflector.stop();
    await until(() => api.watches.size === 0);
    expect(structuredClone(state)).toEqual(before);
  });

  it('may come before the beginning', async () => {
    const { reflector } = await prepare();
    await reflector.stop();
    reflector.start();
    await reflector.stop();
    expect(api.requests).toEqual([]);
  });
});

describe('a listener that throws', () => {
  it('ends nothing, and hears of the object again with the next listing', async () => {
    const { state, timers } = await follow();
    await until(() => api.watches.size === 1);
    state.throwsOn = 'a';
    api.put(PATH, thing('a', 1));
    api.put(PATH, thing('b', 1));
    await until(() => state.things.has('b'));
    expect(state.failures).toEqual([new Error('cannot take a')]);
    state.throwsOn = undefined;
    api.silently(() => api.put(PATH, thing('c', 1)));
    api.forgetHistory();
    api.cutConnections();
    await timers.passWait();
    await timers.passWait();
    await until(() => state.things.has('a'));
    expect([...state.things.keys()].toSorted()).toEqual(['a', 'b', 'c']);
  });
});

describe('whatever happens', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('put' as const), name: fc.integer({ min: 0, max: 5 }), value: fc.nat(9) }),
      fc.record({ kind: fc.constant('remove' as const), name: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ kind: fc.constantFrom('unheard put', 'unheard remove'), name: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ kind: fc.constantFrom('cut', 'end', 'expire', 'bookmark', 'fail', 'garble', 'breathe') }),
    ),
    { minLength: 5, maxLength: 25 },
  );

  it('it ends up with what the server has', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const server = (await FakeApiServer.start()).addCollection(PATH);
        const config = join(temporaryFolder({ config: server.kubeconfig() }), 'config');
        const client = await KubeClient.open({ kubeconfig: config, env: {} });
        const state = new RecordingListener();
        const reflector = new Reflector({
          client,
          address: THINGS,
          read: (object) => state.read(object),
          listener: state,
          timers: impatient,
        });
        reflector.start();
        try {
          for (const step of sequence) await act(server, step);
          server.put(PATH, thing('last', 1));
          const truth = () => new Map(server.objects(PATH).map((each) => [nameOf(each), each['value']]));
          // Watches that missed something on purpose learn of it when they are over.
          server.cutConnections();
          await until(() => {
            const wanted = truth();
            return (
              wanted.size === state.things.size &&
              [...wanted].every(([name, value]) => state.things.get(name) === value)
            );
          });
          expect(state.failures).toEqual([]);
        } finally {
          await reflector.stop();
          await client.close();
          await server.stop();
        }
      }),
      { numRuns: 25 },
    );
  }, 120_000);

  async function act(
    server: FakeApiServer,
    step: { readonly kind: string; readonly name?: number; readonly value?: number },
  ): Promise<void> {
    const name = `t${step.name}`;
    switch (step.kind) {
      case 'put':
        return server.put(PATH, thing(name, step.value ?? 0));
      case 'remove':
        return server.remove(PATH, name);
      case 'unheard put':
        return server.silently(() => server.put(PATH, thing(name, 77)));
      case 'unheard remove':
        return server.silently(() => server.remove(PATH, name));
      case 'cut':
        return server.cutConnections();
      case 'end':
        return server.endWatches(PATH);
      case 'expire':
        return server.forgetHistory();
      case 'bookmark':
        // A bookmark after a change that was not told would be a lie no API server tells.
        return undefined;
      case 'fail':
        void server.answerNext(() => true, answerStatus(500, '', 'no'), answerJson(200, { items: 'none' }));
        return undefined;
      case 'garble':
        return server.sendLine(PATH, '<<<');
      default:
        await new Promise((resolve) => {
          setTimeout(resolve, 2);
        });
    }
  }
});

/** Waits are over at once, except for silence, which does not come. */
const impatient: Timers = {
  now: () => performance.now(),
  random: () => 0,
  after: (ms, callback) => {
    if (ms === SILENCE_MS) return () => undefined;
    const timer = setImmediate(callback);
    return () => clearImmediate(timer);
  },
};

interface Thing {
  readonly name: string;
  readonly value: unknown;
}

/** What a listener has been told. */
class RecordingListener implements ReflectorListener<Thing> {
  readonly things = new Map<string, unknown>();
  readonly causes: RestartCause[] = [];
  readonly failures: unknown[] = [];
  listings = 0;
  hearings = 0;
  denials = 0;
  reads = 0;
  throwsOn: string | undefined;

  read(object: JsonObject): Thing {
    this.reads += 1;
    return { name: nameOf(object), value: object['value'] };
  }

  listed(changed: readonly Thing[], gone: readonly string[]): void {
    for (const name of gone) this.removed(name);
    for (const each of changed) this.changed(each);
    this.listings += 1;
  }

  changed({ name, value }: Thing): void {
    if (name === this.throwsOn) throw new Error(`cannot take ${name}`);
    this.things.set(name, value);
  }

  removed(name: string): void {
    this.things.delete(name);
  }

  heard(): void {
    this.hearings += 1;
  }

  missing(): void {
    this.denials += 1;
  }

  restarted(cause: RestartCause): void {
    this.causes.push(cause);
  }

  failed(error: unknown): void {
    this.failures.push(error);
  }
}

async function prepare({ randomness = 0 } = {}) {
  const client = await KubeClient.open({
    kubeconfig: join(temporaryFolder({ config: api.kubeconfig() }), 'config'),
    env: {},
  });
  const timers = new ManualTimers();
  timers.randomness = randomness;
  const state = new RecordingListener();
  const reflector = new Reflector({
    client,
    address: THINGS,
    read: (object) => state.read(object),
    listener: state,
    timers,
  });
  onTestFinished(async () => {
    await reflector.stop();
    await client.close();
  });
  return { reflector, state, timers };
}

async function follow(options?: { readonly randomness: number }): ReturnType<typeof prepare> {
  const prepared = await prepare(options);
  prepared.reflector.start();
  return prepared;
}

function lastRequest(): FakeRequest | undefined {
  return api.requests.at(-1);
}

function isWatch({ query }: FakeRequest): boolean {
  return query.has('watch');
}

function isList(request: FakeRequest): boolean {
  return !isWatch(request);
}

function thing(name: string, value: number): Record<string, unknown> {
  return { apiVersion: 'test.example/v1', kind: 'Thing', metadata: { name }, value };
}

function nameOf(object: JsonObject): string {
  return (object['metadata'] as { name: string }).name;
}
