import { describe, expect, it } from 'vitest';
import { SecretClient } from '../../src/kubernetes/secret-client.ts';
import { answerStatus } from '../support/fake-api-server.ts';
import { aServer } from './cluster-writers.ts';

const SECRETS = '/api/v1/namespaces/imc-system/secrets';
const CONTENT = { labels: { owner: 'imc' }, data: { 'tls.crt': 'certificate', 'tls.key': 'key' } };

describe('SecretClient', () => {
  it('makes and reads a Secret of type kubernetes.io/tls', async () => {
    const { api, secrets } = await aStore();
    expect(await secrets.read('imc-tls')).toBeUndefined();
    expect(await secrets.create('imc-tls', CONTENT)).toBe('written');
    expect(api.objects(SECRETS)[0]).toMatchObject({
      type: 'kubernetes.io/tls',
      metadata: { name: 'imc-tls', namespace: 'imc-system' },
      data: { 'tls.crt': 'Y2VydGlmaWNhdGU=' },
    });
    expect(await secrets.read('imc-tls')).toMatchObject(CONTENT);
  });

  it('changes the keys it is given and keeps the rest', async () => {
    const { api, secrets } = await aStore();
    await secrets.create('imc-tls', CONTENT);
    const { resourceVersion = '' } = (await secrets.read('imc-tls')) ?? {};
    expect(await secrets.patch('imc-tls', resourceVersion, { labels: { more: '1' }, data: { 'ca.crt': 'ca' } })).toBe(
      'written',
    );
    expect(await secrets.read('imc-tls')).toMatchObject({
      labels: { owner: 'imc', more: '1' },
      data: { ...CONTENT.data, 'ca.crt': 'ca' },
    });
    expect(api.objects(SECRETS)[0]).toMatchObject({ type: 'kubernetes.io/tls' });
  });

  it('tells a conflict when somebody else was faster, or the Secret is gone', async () => {
    const { api, secrets } = await aStore();
    await secrets.create('imc-tls', CONTENT);
    expect(await secrets.create('imc-tls', CONTENT)).toBe('conflict');
    const { resourceVersion = '' } = (await secrets.read('imc-tls')) ?? {};
    await secrets.patch('imc-tls', resourceVersion, CONTENT);
    expect(await secrets.patch('imc-tls', resourceVersion, CONTENT)).toBe('conflict');
    api.remove(SECRETS, 'imc-tls');
    expect(await secrets.patch('imc-tls', resourceVersion, CONTENT)).toBe('conflict');
  });

  it('reads a Secret without data or labels, and passes on what is no conflict', async () => {
    const { api, secrets } = await aStore();
    api.put(SECRETS, { metadata: { name: 'empty' }, data: null });
    expect(await secrets.read('empty')).toMatchObject({ labels: {}, data: {} });
    api.intercept(answerStatus(403, 'Forbidden', 'no right to secrets'));
    await expect(secrets.read('empty')).rejects.toThrow(/no right to secrets/);
    await expect(secrets.create('empty', CONTENT)).rejects.toThrow(/no right to secrets/);
    await expect(secrets.patch('empty', '1', CONTENT)).rejects.toThrow(/no right to secrets/);
  });
});

async function aStore() {
  const { api, client } = await aServer(SECRETS);
  return { api, secrets: new SecretClient(client, 'imc-system') };
}
