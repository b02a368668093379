import { describe, expect, it } from 'vitest';
import { type Manifest, renderChart } from './support/chart.ts';
import { rightsOf } from './support/rights.ts';

/** The rights of the chart are those of spec S6, line by line. */

const NAME = 'imc-eci-imagecache-webhook';
const FILES = { secretName: 'pair', caBundle: '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----' };

/** Reads, and writes nothing but Events. */
const SERVE = [
  'cluster: get list watch eci.alibabacloud.com/imagecaches',
  'cluster: get list watch namespaces',
  'kube-system: get list watch configmaps eci-profile',
  'kube-system: create events',
  `imc-system: get list watch configmaps ${NAME}-profile`,
];

const CONTROLLER = [
  'cluster: get list watch create patch delete eci.alibabacloud.com/imagecaches',
  'cluster: patch eci.alibabacloud.com/imagecaches/status',
  'cluster: get list watch namespaces',
  'cluster: get list watch pods',
  'cluster: create events',
  'kube-system: get list watch configmaps eci-profile',
  'imc-system: create coordination.k8s.io/leases',
  `imc-system: get update patch coordination.k8s.io/leases ${NAME}-controller`,
  'imc-system: create configmaps',
  `imc-system: get list watch update patch configmaps ${NAME}-profile ${NAME}-state`,
];

/** Only where the controller makes the certificate. */
const SELF_MANAGED = {
  serve: [`imc-system: get list watch secrets ${NAME}-tls`],
  controller: [
    `cluster: get list watch patch admissionregistration.k8s.io/mutatingwebhookconfigurations zz-${NAME}`,
    'imc-system: create secrets',
    `imc-system: get list watch update patch secrets ${NAME}-tls ${NAME}-tls-ca`,
  ],
};

describe.each([
  ['self-managed', { mode: 'self-managed' }, SELF_MANAGED],
  ['cert-manager', { mode: 'cert-manager' }, { serve: [], controller: [] }],
  ['files', { mode: 'files', files: FILES }, { serve: [], controller: [] }],
])('spec S6: with tls.mode %s', (_mode, tls, more) => {
  const render = (values: object = {}): Promise<readonly Manifest[]> => renderChart({ values: { tls, ...values } });

  it('serve may do this and no more', async () => {
    const rights = rightsOf(await render(), 'imc-system', NAME);
    expect(rights.toSorted()).toEqual([...SERVE, ...more.serve].toSorted());
  });

  it('the controller may do this and no more', async () => {
    const rights = rightsOf(await render(), 'imc-system', `${NAME}-controller`);
    expect(rights.toSorted()).toEqual([...CONTROLLER, ...more.controller].toSorted());
  });

  it('nobody else gets a right, and every role is bound', async () => {
    const manifests = await render();
    const bindings = manifests.filter(({ kind }) => kind.endsWith('RoleBinding'));
    const subjects = bindings.flatMap((binding) => binding['subjects'] as { kind: string; name: string }[]);
    expect(new Set(subjects.map(({ kind, name }) => `${kind} ${name}`))).toEqual(
      new Set([`ServiceAccount ${NAME}`, `ServiceAccount ${NAME}-controller`]),
    );
    const bound = bindings.map(({ metadata: { namespace = '' }, ...binding }) => {
      const { kind, name } = binding['roleRef'] as { kind: string; name: string };
      return `${kind} ${namespace} ${name}`;
    });
    const roles = manifests.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
    expect(bound.toSorted()).toEqual(
      roles.map(({ kind, metadata: { namespace = '', name } }) => `${kind} ${namespace} ${name}`).toSorted(),
    );
  });

  it('no right on Secrets reaches beyond the namespace, and none names everything', async () => {
    const manifests = await render();
    for (const account of [NAME, `${NAME}-controller`]) {
      const rights = rightsOf(manifests, 'imc-system', account);
      expect(rights.filter((right) => / secrets/.test(right) && !right.startsWith('imc-system:'))).toEqual([]);
      expect(rights.join('\n')).not.toContain('*');
    }
  });

  it('both work beside each other in kube-system, too', async () => {
    const manifests = await renderChart({ values: { tls }, namespace: 'kube-system' });
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

it('without a controller nothing of it is left', async () => {
  const manifests = await renderChart({ values: { tls: { mode: 'cert-manager' }, controller: { enabled: false } } });
  expect(rightsOf(manifests, 'imc-system', NAME).toSorted()).toEqual(SERVE.toSorted());
  expect(manifests.filter(({ metadata }) => metadata.name.includes('controller'))).toEqual([]);
});
