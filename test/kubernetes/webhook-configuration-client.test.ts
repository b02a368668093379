import { describe, expect, it } from 'vitest';
import { WebhookConfigurationClient } from '../../src/kubernetes/webhook-configuration-client.ts';
import { answerStatus } from '../support/fake-api-server.ts';
import { aServer } from './cluster-writers.ts';

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

describe('WebhookConfigurationClient', () => {
  it('reads how API servers reach each webhook', async () => {
    const { api, configurations } = await aWriter();
    expect(await configurations.read()).toBeUndefined();
    api.put(CONFIGURATIONS, {
      metadata: { name: 'imc' },
      webhooks: [
        { name: 'a', clientConfig: { service: { name: 'imc', namespace: 'imc-system' }, caBundle: 'UEVN' } },
        { name: 'b', clientConfig: { url: 'https://[2001:db8::7]:8443/mutate' } },
        { name: 'c', clientConfig: { url: 'https://imc.example.com/mutate', caBundle: '' } },
        { name: 'd' },
      ],
    });
    expect((await configurations.read())?.webhooks).toEqual([
      { name: 'a', hosts: ['imc.imc-system.svc', 'imc.imc-system.svc.cluster.local'], bundlePem: 'PEM' },
      { name: 'b', hosts: ['2001:db8::7'], bundlePem: '' },
      { name: 'c', hosts: ['imc.example.com'], bundlePem: '' },
      { name: 'd', hosts: [], bundlePem: '' },
    ]);
  });

  it('writes the bundle and nothing else, for every webhook by its name', async () => {
    const { api, configurations } = await aWriter();
    api.put(CONFIGURATIONS, { metadata: { name: 'imc' }, webhooks: [{ name: 'a' }, { name: 'b' }] });
    const configuration = await configurations.read();
    if (configuration === undefined) throw new Error('it is there');
    expect(await configurations.writeBundle(configuration, 'PEM')).toBe('written');
    const request = api.requests.at(-1);
    expect(request).toMatchObject({ method: 'PATCH', path: `${CONFIGURATIONS}/imc` });
    expect(request?.headers['content-type']).toBe('application/strategic-merge-patch+json');
    expect(request?.query.get('fieldManager')).toBe('imc-controller');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      metadata: { resourceVersion: configuration.resourceVersion },
      webhooks: [
        { name: 'a', clientConfig: { caBundle: 'UEVN' } },
        { name: 'b', clientConfig: { caBundle: 'UEVN' } },
      ],
    });
  });

  it('tells a conflict when it has changed since, or is gone, and passes on the rest', async () => {
    const { api, configurations } = await aWriter();
    api.put(CONFIGURATIONS, { metadata: { name: 'imc' }, webhooks: [{ name: 'a' }] });
    const configuration = await configurations.read();
    if (configuration === undefined) throw new Error('it is there');
    api.put(CONFIGURATIONS, { metadata: { name: 'imc' }, webhooks: [{ name: 'a' }] });
    expect(await configurations.writeBundle(configuration, 'PEM')).toBe('conflict');
    api.remove(CONFIGURATIONS, 'imc');
    expect(await configurations.writeBundle(configuration, 'PEM')).toBe('conflict');
    api.intercept(answerStatus(403, 'Forbidden', 'no right to that'));
    await expect(configurations.writeBundle(configuration, 'PEM')).rejects.toThrow(/no right to that/);
    await expect(configurations.read()).rejects.toThrow(/no right to that/);
  });
});

async function aWriter() {
  const { api, client } = await aServer(CONFIGURATIONS);
  return { api, configurations: new WebhookConfigurationClient(client, 'imc') };
}
