import { describe, expect, it } from 'vitest';
import type { LeaseRecord } from '../../src/controller/lease-lock.ts';
import { LeaseClient } from '../../src/kubernetes/lease-client.ts';
import { answerStatus } from '../support/fake-api-server.ts';
import { aServer } from './cluster-writers.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/imc-system/leases';
const { signal } = new AbortController();

const RECORD: LeaseRecord = {
  holder: 'imc-controller-1',
  durationSeconds: 15,
  acquiredAt: new Date('2026-03-01T12:00:00.250Z'),
  renewedAt: new Date('2026-03-01T12:00:02.000Z'),
  transitions: 3,
};

describe('LeaseClient', () => {
  it('makes, reads and renews a Lease, with times of six digits', async () => {
    const { api, lock } = await aLock();
    expect(await lock.read(signal)).toBeUndefined();
    const made = await lock.create(RECORD, signal);
    expect(api.objects(LEASES)[0]?.['spec']).toEqual({
      holderIdentity: 'imc-controller-1',
      leaseDurationSeconds: 15,
      acquireTime: '2026-03-01T12:00:00.250000Z',
      renewTime: '2026-03-01T12:00:02.000000Z',
      leaseTransitions: 3,
    });
    expect(made).toMatchObject(RECORD);
    expect(await lock.read(signal)).toEqual(made);
    if (made === 'conflict') return;
    const renewed = await lock.update(made.resourceVersion, { ...RECORD, transitions: 4 }, signal);
    expect(renewed).toMatchObject({ transitions: 4 });
    expect(renewed).not.toMatchObject({ resourceVersion: made.resourceVersion });
  });

  it('tells a conflict when another was faster, or the Lease is gone', async () => {
    const { api, lock } = await aLock();
    const made = await lock.create(RECORD, signal);
    expect(await lock.create(RECORD, signal)).toBe('conflict');
    const version = made === 'conflict' ? '' : made.resourceVersion;
    await lock.update(version, RECORD, signal);
    expect(await lock.update(version, RECORD, signal)).toBe('conflict');
    api.remove(LEASES, 'imc-controller');
    expect(await lock.update(version, RECORD, signal)).toBe('conflict');
  });

  it('keeps what others wrote on the Lease', async () => {
    const { api, lock } = await aLock();
    api.put(LEASES, { metadata: { name: 'imc-controller', labels: { app: 'imc' } }, spec: { renewTime: 'never' } });
    const lease = await lock.read(signal);
    expect(lease).toMatchObject({ holder: '', durationSeconds: 0, transitions: 0, renewedAt: new Date(0) });
    await lock.update(lease?.resourceVersion ?? '', RECORD, signal);
    expect(api.objects(LEASES)[0]?.['metadata']).toMatchObject({ labels: { app: 'imc' } });
  });

  it('passes on what is no conflict', async () => {
    const { api, lock } = await aLock();
    api.intercept(answerStatus(403, 'Forbidden', 'no right to leases'));
    await expect(lock.read(signal)).rejects.toThrow(/no right to leases.*grant/);
    await expect(lock.create(RECORD, signal)).rejects.toThrow(/no right to leases/);
    await expect(lock.update('1', RECORD, signal)).rejects.toThrow(/no right to leases/);
  });
});

async function aLock() {
  const { api, client } = await aServer(LEASES);
  return { api, lock: new LeaseClient(client, { namespace: 'imc-system', name: 'imc-controller' }) };
}
