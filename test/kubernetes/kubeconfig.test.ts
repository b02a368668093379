import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KubeconfigError } from '../../src/kubernetes/cluster-errors.ts';
import { type ClusterAccess, loadKubeconfig } from '../../src/kubernetes/kubeconfig.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';

const GOOD = kubeconfig('blue');

describe('which kubeconfig counts', () => {
  const home = temporaryFolder({ '.kube/config': kubeconfig('home') });
  const folder = temporaryFolder({ 'blue.yaml': GOOD, 'green.yaml': kubeconfig('green', 'blue') });
  const blue = join(folder, 'blue.yaml');
  const green = join(folder, 'green.yaml');

  it.each<[string, Omit<ClusterAccess, 'env'>, ClusterAccess['env'], string]>([
    ['the file that was named', { kubeconfig: blue }, { HOME: home, KUBECONFIG: green }, 'https://blue:6443'],
    ['KUBECONFIG before the home folder', {}, { HOME: home, KUBECONFIG: green }, 'https://green:6443'],
    ['KUBECONFIG before the service account', {}, { ...IN_CLUSTER(), KUBECONFIG: green }, 'https://green:6443'],
    ['the service account before the home folder', {}, { ...IN_CLUSTER(), HOME: home }, 'https://10.0.0.1:443'],
    ['the home folder', {}, { HOME: home }, 'https://home:6443'],
    [
      'the home folder in a pod, for a context of it',
      { context: 'home' },
      { ...IN_CLUSTER(), HOME: home },
      'https://home:6443',
    ],
    ['the first current context of several files', {}, { KUBECONFIG: `${blue}:${green}` }, 'https://blue:6443'],
    ['a context of a later file', { context: 'green' }, { KUBECONFIG: `${blue}:${green}` }, 'https://green:6443'],
    ['the first of equal names', { context: 'green' }, { KUBECONFIG: `${green}:${blue}` }, 'https://green:6443'],
    ['of several files those that are there', {}, { KUBECONFIG: `${folder}/none:${blue}` }, 'https://blue:6443'],
  ])('%s', async (_title, access, env, server) => {
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      const config = await loadKubeconfig({ ...access, env });
      expect(config.getCurrentCluster()?.server).toBe(server);
      expect(config.getCurrentUser()).not.toBeNull();
    } finally {
      process.env = before;
    }
  });
});

describe('a kubeconfig that cannot be used', () => {
  const files = temporaryFolder({
    'empty.yaml': '',
    'text.yaml': 'hello',
    'tabs.yaml': 'clusters:\n\t- name: a\n',
    'binary.yaml': Buffer.from([0, 1, 2, 255]),
    'other.yaml': 'apiVersion: v1\nkind: Pod\n',
    'no-server.yaml': 'clusters: [{name: a, cluster: {}}]\n',
    'no-current.yaml': GOOD.replace(/"current-context":"blue"/, '"x":1'),
    'no-cluster.yaml': GOOD.replace('"cluster":"blue"', '"cluster":"red"'),
    'no-user.yaml': GOOD.replace('"user":"blue"', '"user":"red"'),
    'plain.yaml': GOOD.replace('https://', 'http://'),
    'no-url.yaml': GOOD.replace('https://blue:6443', 'blue'),
    'good.yaml': GOOD,
  });

  it.each<[string, Omit<ClusterAccess, 'env'>, ClusterAccess['env'], RegExp]>([
    ['no file', { kubeconfig: 'none.yaml' }, {}, /none\.yaml: there is no such file; name a kubeconfig with/],
    ['a folder', { kubeconfig: '.' }, {}, /: the kubeconfig cannot be read \(EISDIR\)/],
    ['an empty file', { kubeconfig: 'empty.yaml' }, {}, /empty\.yaml: expected a kubeconfig .*: .*the input is empty/],
    ['a text', { kubeconfig: 'text.yaml' }, {}, /text\.yaml: no context is the current one; it has no context at all/],
    ['YAML with tabs', { kubeconfig: 'tabs.yaml' }, {}, /tabs\.yaml: expected a kubeconfig .*\(2:1\)/],
    ['binary data', { kubeconfig: 'binary.yaml' }, {}, /binary\.yaml: expected a kubeconfig/],
    ['another object', { kubeconfig: 'other.yaml' }, {}, /other\.yaml: no context is the current one/],
    ['a cluster without server', { kubeconfig: 'no-server.yaml' }, {}, /clusters\[0\]\.cluster\.server is missing/],
    ['no current context', { kubeconfig: 'no-current.yaml' }, {}, /no context is the current one; choose one of blue/],
    [
      'an unknown context',
      { kubeconfig: 'good.yaml', context: 'x' },
      {},
      /no context "x"; choose one of blue with --context/,
    ],
    ['an unknown cluster', { kubeconfig: 'no-cluster.yaml' }, {}, /the cluster of context "blue" is not defined/],
    ['an unknown user', { kubeconfig: 'no-user.yaml' }, {}, /the user of context "blue" is not defined/],
    [
      'plain HTTP',
      { kubeconfig: 'plain.yaml' },
      {},
      /server http:\/\/blue:6443 of cluster "blue": .*insecure-skip-tls-verify/,
    ],
    [
      'a server that is no address',
      { kubeconfig: 'no-url.yaml' },
      {},
      /server blue of cluster "blue": expected an address/,
    ],
    [
      'a KUBECONFIG of missing files',
      {},
      { KUBECONFIG: '/none/a:/none/b' },
      /KUBECONFIG names \/none\/a, \/none\/b, which/,
    ],
    ['none anywhere', {}, { HOME: '/none' }, /there is no cluster to talk to: name a kubeconfig with --kubeconfig/],
  ])('%s', async (_title, access, env, message) => {
    const kubeconfig = access.kubeconfig === undefined ? undefined : join(files, access.kubeconfig);
    const loading = loadKubeconfig({ ...access, kubeconfig, env });
    await expect(loading).rejects.toBeInstanceOf(KubeconfigError);
    await expect(loading).rejects.toThrow(message);
  });
});

function IN_CLUSTER() {
  return { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
}

function kubeconfig(name: string, ...others: readonly string[]): string {
  const names = [name, ...others];
  const server = (cluster: string): string => (cluster === name ? `https://${name}:6443` : 'https://shadowed:6443');
  return JSON.stringify({
    clusters: names.map((each) => ({ name: each, cluster: { server: server(each) } })),
    users: names.map((each) => ({ name: each, user: { token: each } })),
    contexts: names.map((each) => ({ name: each, context: { cluster: each, user: each } })),
    'current-context': name,
  });
}
