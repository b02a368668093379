import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { FakeApiServer } from '../support/fake-api-server.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import { buildProgram, RunningProgram } from './built-program.ts';

const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';

let program: string;

beforeAll(async () => {
  program = await buildProgram();
});

describe('the built file in a cluster', () => {
  it('talks to the API server with what it brings along, the credentials of the kubeconfig included', async () => {
    const api = await FakeApiServer.start();
    onTestFinished(() => api.stop());
    for (const path of [CACHES, '/api/v1/namespaces', '/api/v1/namespaces/kube-system/configmaps']) {
      api.addCollection(path);
    }
    for (let i = 0; i < 600; i += 1) api.put(CACHES, anImageCache(`cache-${i}`).build());
    api.token = 'from-the-plugin';
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: api.token },
    };
    const user = { exec: { command: 'printf', args: ['%s', JSON.stringify(credential)] } };
    const config = join(temporaryFolder({ config: api.kubeconfig(user) }), 'config');
    const listing = new RunningProgram(program, ['caches', '--kubeconfig', config, '-o', 'json']);
    expect(await listing.exited).toEqual({ code: 0, signal: null });
    const { imageCaches } = JSON.parse(listing.out) as { imageCaches: unknown[] }; // see imc caches
    expect(imageCaches).toHaveLength(600);
    expect(listing.err).toBe('');
  });
});
