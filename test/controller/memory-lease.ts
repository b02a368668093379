import type { Lease, LeaseLock, LeaseRecord } from '../../src/controller/lease-lock.ts';

/** How an API server treats the requests of one process. */
export type Connection = 'good' | 'refused' | 'silent' | 'answers lost';

/** A Lease as an API server keeps it: writes that name an old resource version are conflicts. */
export class MemoryLease {
  lease: Lease | undefined;
  #version = 0;

  /** A connection of its own. */
  connect(): MemoryLeaseLock {
    return new MemoryLeaseLock(this);
  }

  write(resourceVersion: string | undefined, record: LeaseRecord): Lease | 'conflict' {
    if (this.lease?.resourceVersion !== resourceVersion) return 'conflict';
    this.#version++;
    this.lease = { ...record, resourceVersion: String(this.#version) };
    return this.lease;
  }
}

export class MemoryLeaseLock implements LeaseLock {
  connection: Connection = 'good';
  requests = 0;
  readonly #memory: MemoryLease;

  constructor(memory: MemoryLease) {
    this.#memory = memory;
  }

  read(): Promise<Lease | undefined> {
    return this.#ask(() => this.#memory.lease);
  }

  create(record: LeaseRecord): Promise<Lease | 'conflict'> {
    return this.#ask(() => this.#memory.write(undefined, record));
  }

  update(resourceVersion: string, record: LeaseRecord): Promise<Lease | 'conflict'> {
    return this.#ask(() => this.#memory.write(resourceVersion, record));
  }

  async #ask<Answer>(answer: () => Answer): Promise<Answer> {
    this.requests++;
    // The answer travels.
    await Promise.resolve();
    if (this.connection === 'refused') throw new Error('nothing listens there');
    if (this.connection === 'silent') return await new Promise<never>(() => {});
    const given = answer();
    return this.connection === 'answers lost' ? await new Promise<never>(() => {}) : given;
  }
}
