import { describe, expect, it, onTestFinished } from 'vitest';
import { KubeClient } from '../../src/kubernetes/kube-client.ts';
import { followObject, SecretWatcher } from '../../src/kubernetes/object-watch.ts';
import { textMember } from '../../src/wire/json.ts';
import { answerStatus } from '../support/fake-api-server.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { aServer } from './cluster-writers.ts';

const SECRETS = '/api/v1/namespaces/imc-system/secrets';
const ADDRESS = { version: 'v1', resource: 'secrets', namespace: 'imc-system', name: 'imc-tls' };

/** For a machine with other things to do. */
const SOON = { timeout: 20_000 };

describe('followObject', () => {
  it('tells what is there, and every change of that object alone', async () => {
    const { api, heard } = await followed((server) => server.put(SECRETS, aSecret('imc-tls', 'one')));
    await expect.poll(heard, SOON).toEqual(['one']);
    await expect.poll(() => api.watches.size, SOON).toBe(1);
    api.put(SECRETS, aSecret('other', 'x'));
    api.put(SECRETS, aSecret('imc-tls', 'two'));
    api.remove(SECRETS, 'imc-tls');
    api.put(SECRETS, aSecret('imc-tls', 'three'));
    await expect.poll(heard, SOON).toEqual(['one', 'two', undefined, 'three']);
    for (const { query } of api.requests) expect(query.get('fieldSelector')).toBe('metadata.name=imc-tls');
  });

  it('says once that there is none', async () => {
    const { api, heard } = await followed();
    await expect.poll(heard, SOON).toEqual([undefined]);
    await expect.poll(() => api.watches.size, SOON).toBe(1);
    api.put(SECRETS, aSecret('imc-tls', 'one'));
    await expect.poll(heard, SOON).toEqual([undefined, 'one']);
  });

  it('catches up after a cut connection and a history that has expired', async () => {
    const { api, heard } = await followed((server) => server.put(SECRETS, aSecret('imc-tls', 'one')));
    await expect.poll(() => api.watches.size, SOON).toBe(1);
    api.silently(() => api.put(SECRETS, aSecret('imc-tls', 'two')));
    api.forgetHistory();
    api.cutConnections();
    await expect.poll(heard, SOON).toEqual(['one', 'two']);
  });

  it('goes on asking when it has no right to, and says so in the log', async () => {
    const logger = new RecordingLogger();
    const { heard } = await followed((server) => {
      server.put(SECRETS, aSecret('imc-tls', 'one'));
      void server.answerNext(() => true, answerStatus(403, 'Forbidden', 'no right to secrets'));
    }, logger);
    await expect.poll(heard, SOON).toEqual(['one']);
    expect(logger.of('the API server refuses a watch; tried again later')).toHaveLength(1);
  });
});

describe('SecretWatcher', () => {
  it('follows a Secret of the namespace of the service account, and closes its client at the end', async () => {
    const { api, kubeconfig } = await aServer(SECRETS);
    api.put(SECRETS, aSecret('imc-tls', 'one'));
    const watcher = new SecretWatcher({
      open: () => KubeClient.open({ kubeconfig, env: {} }),
      namespace: undefined,
      logger: new RecordingLogger(),
    });
    const heard: unknown[] = [];
    const unfollow = await watcher.follow('imc-tls', (secret) => heard.push(secret?.data['tls.crt']));
    await expect.poll(() => heard, SOON).toEqual(['one']);
    await unfollow();
    await expect.poll(() => api.watches.size, SOON).toBe(0);
  });

  it('fails at once when it is not known where to ask', async () => {
    const watcher = new SecretWatcher({
      open: () => KubeClient.open({ kubeconfig: 'missing', env: {} }),
      namespace: undefined,
      logger: new RecordingLogger(),
    });
    await expect(watcher.follow('imc-tls', () => {})).rejects.toMatchObject({ code: 'ERR_KUBECONFIG_INVALID' });
  });
});

async function followed(
  before: (api: Awaited<ReturnType<typeof aServer>>['api']) => void = () => {},
  logger = new RecordingLogger(),
) {
  const { api, client } = await aServer(SECRETS);
  before(api);
  const told: (string | undefined)[] = [];
  const unfollow = followObject({
    client,
    address: ADDRESS,
    listener: (object) => told.push(object && Buffer.from(textMember(object['data'], 'tls.crt'), 'base64').toString()),
    logger,
  });
  onTestFinished(unfollow);
  return { api, heard: () => told };
}

function aSecret(name: string, text: string) {
  return { metadata: { name }, data: { 'tls.crt': Buffer.from(text).toString('base64') } };
}
