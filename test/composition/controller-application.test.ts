import { once } from 'node:events';
import { connect } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ControllerApplication } from '../../src/composition/controller-application.ts';
import { CurrentSettings } from '../../src/composition/current-settings.ts';
import { type ControllerSettings, loadConfig } from '../../src/config/config.ts';
import { until } from '../certs/until.ts';
import { aServer } from '../kubernetes/cluster-writers.ts';
import type { FakeApiServer } from '../support/fake-api-server.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { anApplication } from './running-application.ts';
import { temporaryFolder } from './temporary-folder.ts';

const NAMESPACE = '/api/v1/namespaces/imc-system';
const SECRETS = `${NAMESPACE}/secrets`;
const EVENTS = `${NAMESPACE}/events`;
const PODS = `${NAMESPACE}/pods`;
const CONFIG_MAPS = `${NAMESPACE}/configmaps`;
const PROFILES = '/api/v1/namespaces/kube-system/configmaps';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/imc-system/leases';
const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

describe('imc controller', () => {
  it('leads, makes everything, tells of it, and repairs a caBundle that somebody empties', async () => {
    const { api, start } = await aCluster();
    const { operations } = await start();
    await until(() => bundleOf(api) !== '');
    await until(() => api.objects(EVENTS).length >= 3);
    expect(new Set(api.objects(EVENTS).map(({ reason }) => reason))).toEqual(
      new Set(['BundlePublished', 'CertificateAuthorityCreated', 'CertificateIssued']),
    );
    expect(api.objects(SECRETS).map(({ metadata }) => metadata)).toMatchObject([{ name: 'tls-ca' }, { name: 'tls' }]);
    expect(await text(`${operations}/readyz?verbose`)).toBe('[+] lease read\n[+] not draining\nok\n');
    const metrics = await text(`${operations}/metrics`);
    expect(metrics).toMatch(/^imc_leader 1$/m);
    expect(metrics).toMatch(/^imc_certificates_in_order 1$/m);
    expect(metrics).toMatch(/^imc_certificate_expiry_timestamp_seconds \d{10}$/m);

    const before = bundleOf(api);
    await until(() => api.watches.size === 3);
    api.put(CONFIGURATIONS, aConfiguration());
    await until(() => bundleOf(api) === before);
  });

  it('gives the Lease back at the stop, and another one goes on without making anything anew', async () => {
    const { api, start } = await aCluster();
    const first = await start();
    await until(() => api.objects(SECRETS).length === 2 && bundleOf(api) !== '');
    const second = await start();
    await first.stop();
    await until(async () => (await text(`${second.operations}/metrics`)).includes('imc_leader 1\n'));
    expect(api.objects(LEASES)[0]?.['spec']).toMatchObject({ leaseTransitions: 1 });
    const secrets = api.objects(SECRETS);
    await until(async () => (await text(`${second.operations}/metrics`)).includes('imc_certificates_in_order 1\n'));
    expect(api.objects(SECRETS)).toEqual(secrets);
  });

  it('keeps the last good eci-profile (spec P6)', async () => {
    const { api, start } = await aCluster({ certificates: undefined });
    api.addCollection(PROFILES).put(PROFILES, { metadata: { name: 'eci-profile' }, data: { selectors: '[]' } });
    api.addCollection(CONFIG_MAPS);
    await start();
    await until(() => api.objects(CONFIG_MAPS).length === 1);
    expect(api.objects(CONFIG_MAPS)).toMatchObject([{ metadata: { name: 'profile' }, data: { selectors: '[]' } }]);
  });

  it('keeps no certificate without tls.secret', async () => {
    const { api, start } = await aCluster({ certificates: undefined });
    const { operations } = await start();
    await until(async () => (await text(`${operations}/metrics`)).includes('imc_leader 1\n'));
    expect(api.objects(SECRETS)).toEqual([]);
  });

  it('is not ready, and says why, as long as the Lease cannot be read', async () => {
    const { api, start } = await aCluster();
    api.removeCollection(LEASES);
    const { operations } = await start();
    await until(async () => (await text(`${operations}/readyz`)).includes('404'));
    api.addCollection(LEASES);
    await until(async () => (await text(`${operations}/readyz`)) === 'ok\n');
    expect(api.objects(LEASES)).toHaveLength(1);
  });

  it('says that there is no driver eci, once each time it is chosen, in its log and beside its readiness', async () => {
    const { hot, start } = await aCluster({ certificates: undefined });
    const { operations, logger } = await start();
    const choose = (controllerDriver: 'eci' | 'external'): void => {
      hot.change({ ...hot.now(), decision: { ...hot.now().decision, controllerDriver } });
    };
    choose('eci');
    choose('eci');
    await until(async () => (await text(`${operations}/readyz?verbose`)).endsWith('\nok\n'));
    expect(await text(`${operations}/readyz?verbose`)).toContain(
      '[!] controller.driver: this release has no driver eci',
    );
    choose('external');
    expect(await text(`${operations}/readyz?verbose`)).not.toContain('[!]');
    choose('eci');
    expect(logger.of('error').map(({ message }) => message.slice(0, 40))).toEqual([
      'controller.driver: this release has no d',
      'controller.driver: this release has no d',
    ]);
  });

  it('fails at the start when its address is taken, and keeps nothing open', async () => {
    const { start } = await aCluster();
    const { port } = await start();
    await expect(start({ adminPort: port })).rejects.toMatchObject({ code: 'ERR_LISTEN_FAILED' });
  });

  it('is served by imc serve, and trusted by whoever knows the caBundle, also after a new certificate', async () => {
    const { api, kubeconfig, start } = await aCluster();
    const { application, logger } = aReplica(kubeconfig);
    onTestFinished(() => application.stop(0));
    const starting = application.start();
    await until(() => logger.of('no certificate to serve yet').length > 0);
    await start();
    const { admission } = await starting;
    const first = await handshake(admission.port, bundleOf(api));
    api.remove(SECRETS, 'tls');
    await until(async () => (await handshake(admission.port, bundleOf(api))) !== first);
    expect(logger.of('certificate replaced')).toHaveLength(1);
  });

  it('lets go of a replica that is stopped while it waits for its first certificate', async () => {
    const { kubeconfig } = await aCluster();
    const { application, logger } = aReplica(kubeconfig);
    const starting = application.start();
    await until(() => logger.of('no certificate to serve yet').length > 0);
    // It would drain for an hour if it had served.
    const [started] = await Promise.allSettled([starting, application.stop(3_600)]);
    expect(started).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CERTIFICATE_INVALID' } });
    expect(application.isStopping()).toBe(true);
  });
});

function aReplica(kubeconfig: string) {
  return anApplication({
    dir: temporaryFolder(),
    ownNamespace: 'imc-system',
    serve: { certificate: { kind: 'secret', name: 'tls', cluster: { kubeconfig, context: undefined } } },
  });
}

async function aCluster(settings: Partial<ControllerSettings> = {}) {
  const { api, kubeconfig } = await aServer(SECRETS, EVENTS, PODS, LEASES, CONFIGURATIONS);
  const { config } = loadConfig({ env: {}, flags: {}, context: { command: 'controller' } });
  const hot = new CurrentSettings(config);
  api.put(CONFIGURATIONS, aConfiguration());
  return {
    api,
    kubeconfig,
    hot,
    start: async ({ adminPort = 0 } = {}) => {
      const logger = Object.assign(new RecordingLogger(), { setLevel: () => {}, flush: async () => {} });
      const application = new ControllerApplication({
        settings: {
          cluster: { kubeconfig, context: undefined },
          adminHost: '127.0.0.1',
          adminPort,
          lease: 'controller',
          profileConfigMap: 'profile',
          stateConfigMap: 'state',
          certificates: { secret: 'tls', webhookConfiguration: 'imc', podSelector: 'app=imc', port: 1 },
          ...settings,
        },
        hot,
        env: { POD_NAMESPACE: 'imc-system' },
        logger,
      });
      const { port } = await application.start();
      onTestFinished(() => application.stop());
      return { port, operations: `http://127.0.0.1:${port}`, logger, stop: () => application.stop() };
    },
  };
}

function aConfiguration() {
  const clientConfig = { url: 'https://127.0.0.1:8443/mutate' };
  return { metadata: { name: 'imc' }, webhooks: [{ name: 'pods.imc', clientConfig, timeoutSeconds: 3 }] };
}

function bundleOf(api: FakeApiServer): string {
  const [{ webhooks } = {}] = api.objects(CONFIGURATIONS);
  const [webhook] = webhooks as { clientConfig: { caBundle?: string }; timeoutSeconds: number }[];
  expect(webhook?.timeoutSeconds).toBe(3);
  return Buffer.from(webhook?.clientConfig.caBundle ?? '', 'base64').toString('utf8');
}

/** The fingerprint of the certificate that is served there; fails if it is not trusted. */
async function handshake(port: number, ca: string): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port, ca });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerX509Certificate()?.fingerprint256;
  } finally {
    socket.destroy();
  }
}

async function text(url: string): Promise<string> {
  return (await fetch(url)).text();
}
