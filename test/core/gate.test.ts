import { describe, expect, it } from 'vitest';
import type { GateContext, GateResult } from '../../src/core/gate.ts';
import { isBoundToEci, passGate } from '../../src/core/gate.ts';
import { decodeEciProfile } from '../../src/wire/eci-profile.ts';
import { decodePod } from '../../src/wire/pod.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod, aPod } from '../support/pod-builder.ts';

interface Circumstances extends Partial<Omit<GateContext, 'namespaceLabels'>> {
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  readonly rules?: readonly unknown[];
}

/** The reason why the gate stays closed, or `open`. */
function gate(pod: PodBuilder, circumstances: Circumstances = {}): string {
  const result = resultOf(pod, circumstances);
  return result.open ? 'open' : result.reason;
}

function resultOf(pod: PodBuilder, { rules = [], namespaceLabels, ...context }: Circumstances): GateResult {
  return passGate(decodePod(pod.build()), decodeEciProfile(JSON.stringify(rules)), {
    namespace: 'default',
    ownNamespace: undefined,
    podScope: 'eci',
    ...context,
    namespaceLabels: namespaceLabels === undefined ? undefined : new Map(Object.entries(namespaceLabels)),
  });
}

const TRUE = { operator: 'In', values: ['true'] };

describe('what is skipped', () => {
  it.each([
    ['kube-system', anEciPod(), { namespace: 'kube-system' }, 'SystemNamespace'],
    ['kube-public', anEciPod(), { namespace: 'kube-public' }, 'SystemNamespace'],
    ['kube-node-lease', anEciPod(), { namespace: 'kube-node-lease' }, 'SystemNamespace'],
    ['our own namespace', anEciPod(), { namespace: 'imc', ownNamespace: 'imc' }, 'OwnNamespace'],
    ['a pod labelled ignore', anEciPod().withLabel('imc-webhook/ignore', 'true'), {}, 'Ignored'],
    ['a pod annotated ignore', anEciPod().withAnnotation('imc-webhook/ignore', 'true'), {}, 'Ignored'],
    ['a namespace labelled ignore', anEciPod(), { namespaceLabels: { 'imc-webhook/ignore': 'true' } }, 'Ignored'],
    ['a pod of ACS', anEciPod().withLabel('alibabacloud.com/acs', 'true'), {}, 'Acs'],
    ['a mirror pod', anEciPod().withAnnotation('kubernetes.io/config.mirror', 'abc'), {}, 'Mirror'],
    ['a mirror pod with an empty value', anEciPod().withAnnotation('kubernetes.io/config.mirror', ''), {}, 'Mirror'],
    ['a pod bound to a real node', anEciPod().onNode('cn-hangzhou.10.0.0.1'), {}, 'RealNode'],
    ['a node that only resembles a virtual one', anEciPod().onNode('my-virtual-kubelet'), {}, 'RealNode'],
    ['a DaemonSet', aPod().ownedBy('DaemonSet'), { podScope: 'all' }, 'DaemonSet'],
    ['a DaemonSet among other owners', aPod().ownedBy('Node').ownedBy('DaemonSet'), { podScope: 'all' }, 'DaemonSet'],
    [
      'a DaemonSet in a namespace on ECI',
      aPod().ownedBy('DaemonSet'),
      { namespaceLabels: { 'alibabacloud.com/eci': 'true' } },
      'DaemonSet',
    ],
    [
      'a DaemonSet that a rule matches',
      aPod().ownedBy('DaemonSet').withLabel('app', 'a'),
      { rules: [{ name: 'r', objectSelector: { matchLabels: { app: 'a' } } }] },
      'DaemonSet',
    ],
    ['a pod without any signal', aPod(), {}, 'NotEci'],
  ] satisfies [string, PodBuilder, Circumstances, string][])('spec G3: %s', (_title, pod, circumstances, reason) => {
    expect(gate(pod, circumstances)).toBe(reason);
  });

  it.each([
    ['another namespace beginning with kube', anEciPod(), { namespace: 'kube-system-2' }],
    ['no namespace of our own', anEciPod(), { ownNamespace: undefined }],
    ['an empty namespace of our own', anEciPod(), { ownNamespace: '' }],
    [
      'ignore that is not "true"',
      anEciPod().withLabel('imc-webhook/ignore', 'yes').withAnnotation('imc-webhook/ignore', ''),
      { namespaceLabels: { 'imc-webhook/ignore': 'false' } },
    ],
    ['an annotation of ACS', anEciPod().withAnnotation('alibabacloud.com/acs', 'true'), {}],
    ['a label acs that is not "true"', anEciPod().withLabel('alibabacloud.com/acs', 'false'), {}],
    ['a label that spells a mirror', anEciPod().withLabel('kubernetes.io/config.mirror', 'abc'), {}],
    ['an empty nodeName', anEciPod().onNode(''), {}],
    ['a virtual node', aPod().onNode('virtual-kubelet-cn-hangzhou-b'), {}],
    ['a DaemonSet whose pods carry a signal', anEciPod().ownedBy('DaemonSet'), {}],
    ['a DaemonSet on a virtual node', aPod().ownedBy('DaemonSet').onNode('cn-hangzhou.vnd-a'), {}],
    ['another owner', anEciPod().ownedBy('ReplicaSet'), {}],
  ] satisfies [string, PodBuilder, Circumstances][])('spec G3: not skipped: %s', (_title, pod, circumstances) => {
    expect(gate(pod, circumstances)).toBe('open');
  });

  it('spec G7: the reasons are looked for in the order of the contract', () => {
    let pod = aPod().ownedBy('DaemonSet');
    expect(gate(pod)).toBe('DaemonSet');
    pod = pod.onNode('real');
    expect(gate(pod)).toBe('RealNode');
    pod = pod.withAnnotation('kubernetes.io/config.mirror', 'x');
    expect(gate(pod)).toBe('Mirror');
    pod = pod.withLabel('alibabacloud.com/acs', 'true');
    expect(gate(pod)).toBe('Acs');
    pod = pod.withLabel('imc-webhook/ignore', 'true');
    expect(gate(pod)).toBe('Ignored');
    expect(gate(pod, { ownNamespace: 'default' })).toBe('OwnNamespace');
    expect(gate(pod, { namespace: 'kube-system', ownNamespace: 'kube-system' })).toBe('SystemNamespace');
  });
});

describe('signals', () => {
  it.each([
    ['pod label alibabacloud.com/eci', aPod().withLabel('alibabacloud.com/eci', 'true')],
    ['pod label eci', aPod().withLabel('eci', 'true')],
    ['nodeSelector type', aPod().withNodeSelector('type', 'virtual-kubelet')],
    ['nodeSelector vnode', aPod().withNodeSelector('k8s.aliyun.com/vnode', 'true')],
    ['affinity In type', aPod().requiring({ key: 'type', operator: 'In', values: ['a', 'virtual-kubelet'] })],
    ['affinity Exists type', aPod().requiring({ key: 'type', operator: 'Exists' })],
    ['affinity In vnode', aPod().requiring({ key: 'k8s.aliyun.com/vnode', ...TRUE })],
    ['affinity Exists vnode', aPod().requiring({ key: 'k8s.aliyun.com/vnode', operator: 'Exists' })],
    [
      'affinity in the second term',
      aPod()
        .requiring({ key: 'zone', ...TRUE })
        .requiring({ key: 'type', operator: 'Exists' }),
    ],
    [
      'affinity in the second expression',
      aPod().requiring({ key: 'zone', ...TRUE }, { key: 'type', operator: 'Exists' }),
    ],
    [
      'toleration of virtual-kubelet.io/provider',
      aPod().tolerating({ key: 'virtual-kubelet.io/provider', operator: 'Exists' }),
    ],
    ['toleration of vnode', aPod().tolerating({ key: 'k8s.aliyun.com/vnode', operator: 'Equal', value: 'false' })],
    ['nodeName virtual-kubelet', aPod().onNode('virtual-kubelet')],
    ['nodeName starting virtual-kubelet', aPod().onNode('virtual-kubelet-cn-hangzhou-b')],
    ['nodeName starting virtual-node-eci', aPod().onNode('virtual-node-eci-0')],
    ['nodeName holding .vnd-', aPod().onNode('cn-hangzhou.vnd-abc')],
    ['burst-resource eci', aPod().withAnnotation('alibabacloud.com/burst-resource', 'eci')],
    ['burst-resource eci_only', aPod().withAnnotation('alibabacloud.com/burst-resource', 'eci_only')],
    ['eci-auto-imc', aPod().withAnnotation('k8s.aliyun.com/eci-auto-imc', 'false')],
    ['imc-perfect-match', aPod().withAnnotation('k8s.aliyun.com/imc-perfect-match', 'nonsense')],
    ['imc-match-count-request', aPod().withAnnotation('k8s.aliyun.com/imc-match-count-request', '')],
    ['eci-imc-id', aPod().withAnnotation('k8s.aliyun.com/eci-imc-id', 'imc-a')],
    ['an empty eci-imc-id', aPod().withAnnotation('k8s.aliyun.com/eci-imc-id', '')],
    ['eci-image-cache', aPod().withAnnotation('k8s.aliyun.com/eci-image-cache', 'true')],
    ['eci-image-snapshot-id', aPod().withAnnotation('k8s.aliyun.com/eci-image-snapshot-id', 'imc-a')],
  ])('spec G4: on the pod: %s', (_title, pod) => {
    expect(gate(pod)).toBe('open');
    expect(gate(pod.ownedBy('DaemonSet'))).toBe('open');
  });

  it.each([
    ['alibabacloud.com/eci', 'true'],
    ['virtual-node-affinity-injection', 'enabled'],
    ['imc-webhook/enabled', 'true'],
  ])('spec G4: on the namespace: %s', (key, value) => {
    expect(gate(aPod(), { namespaceLabels: { [key]: value } })).toBe('open');
  });

  it.each([
    ['label values in capitals', aPod().withLabel('alibabacloud.com/eci', 'True').withLabel('eci', '1'), {}],
    ['the label as an annotation', aPod().withAnnotation('alibabacloud.com/eci', 'true'), {}],
    [
      'another node type',
      aPod().withNodeSelector('type', 'worker').withNodeSelector('k8s.aliyun.com/vnode', 'false'),
      {},
    ],
    ['affinity NotIn', aPod().requiring({ key: 'type', operator: 'NotIn', values: ['virtual-kubelet'] }), {}],
    ['affinity DoesNotExist', aPod().requiring({ key: 'type', operator: 'DoesNotExist' }), {}],
    [
      'affinity to other values',
      aPod().requiring(
        { key: 'type', ...TRUE },
        { key: 'k8s.aliyun.com/vnode', operator: 'In', values: ['virtual-kubelet'] },
      ),
      {},
    ],
    ['a toleration of everything', aPod().tolerating({ operator: 'Exists' }), {}],
    ['another toleration', aPod().tolerating({ key: 'virtual-kubelet.io', operator: 'Exists' }), {}],
    ['burst-resource of something else', aPod().withAnnotation('alibabacloud.com/burst-resource', 'acs'), {}],
    ['another annotation of the vendor', aPod().withAnnotation('k8s.aliyun.com/eci-use-specs', '2-4Gi'), {}],
    ['the annotation as a label', aPod().withLabel('k8s.aliyun.com/eci-imc-id', 'imc-a'), {}],
    [
      'a namespace label with another value',
      aPod(),
      {
        namespaceLabels: {
          'alibabacloud.com/eci': 'false',
          'virtual-node-affinity-injection': 'true',
          'imc-webhook/enabled': 'enabled',
        },
      },
    ],
    ['a namespace that is not known', aPod(), {}],
    ['a rule without a selector', aPod(), { rules: [{ name: 'all' }] }],
    ['a rule with an empty selector', aPod(), { rules: [{ name: 'all', objectSelector: {} }] }],
    ['a rule that does not match', aPod(), { rules: [{ name: 'r', objectSelector: { matchLabels: { app: 'a' } } }] }],
    [
      'a namespace rule where the namespace is not known',
      aPod(),
      { rules: [{ name: 'r', namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] } }] },
    ],
  ] satisfies [string, PodBuilder, Circumstances][])('spec G4: no signal: %s', (_title, pod, circumstances) => {
    expect(gate(pod, circumstances)).toBe('NotEci');
    expect(gate(pod, { ...circumstances, podScope: 'all' })).toBe('open');
  });

  it('spec G4: preferred affinity is no signal', () => {
    const preference = { matchExpressions: [{ key: 'type', operator: 'Exists' }] };
    const path = ['spec', 'affinity', 'nodeAffinity', 'preferredDuringSchedulingIgnoredDuringExecution'];
    expect(gate(aPod().with(path, [{ weight: 1, preference }]))).toBe('NotEci');
  });

  it('spec G4: a matching rule that has a selector is a signal', () => {
    const byPod = { name: 'pod', objectSelector: { matchLabels: { app: 'a' } } };
    const byNamespace = { name: 'namespace', namespaceSelector: { matchLabels: { env: 'prod' } } };
    expect(gate(aPod().withLabel('app', 'a'), { rules: [byPod] })).toBe('open');
    expect(gate(aPod(), { rules: [byNamespace], namespaceLabels: { env: 'prod' } })).toBe('open');
  });

  it('spec P2: an open gate names the matching rules in their order, rules without selector included', () => {
    const rules = [
      { name: 'all' },
      { name: 'db', objectSelector: { matchLabels: { app: 'db' } } },
      { name: 'web', objectSelector: { matchLabels: { app: 'web' } } },
    ];
    const result = resultOf(aPod().withLabel('app', 'web'), { rules });
    expect(result.open && result.rules.map(({ name }) => name)).toEqual(['all', 'web']);
  });
});

describe('isBoundToEci', () => {
  it.each([
    ['a pod label', anEciPod(), {}, true],
    ['the older pod label', aPod().withLabel('eci', 'true'), {}, true],
    ['a namespace label', aPod(), { 'alibabacloud.com/eci': 'true' }, true],
    ['the older namespace label', aPod(), { 'virtual-node-affinity-injection': 'enabled' }, true],
    ['a nodeSelector', aPod().withNodeSelector('type', 'virtual-kubelet'), {}, true],
    ['a nodeName', aPod().onNode('virtual-kubelet'), {}, true],
    ['a namespace label that only asks us to look', aPod(), { 'imc-webhook/enabled': 'true' }, false],
    ['affinity', aPod().requiring({ key: 'type', operator: 'Exists' }), {}, false],
    ['a toleration', aPod().tolerating({ key: 'virtual-kubelet.io/provider' }), {}, false],
    ['burst-resource', aPod().withAnnotation('alibabacloud.com/burst-resource', 'eci_only'), {}, false],
    ['an annotation', aPod().withAnnotation('k8s.aliyun.com/eci-imc-id', 'imc-a'), {}, false],
    ['nothing', aPod(), {}, false],
  ])('spec M1: %s', (_title, pod, labels, bound) => {
    expect(isBoundToEci(decodePod(pod.build()), new Map(Object.entries(labels)))).toBe(bound);
  });

  it('spec M1: an unknown namespace binds no pod', () => {
    expect(isBoundToEci(decodePod(aPod().build()), undefined)).toBe(false);
  });
});
