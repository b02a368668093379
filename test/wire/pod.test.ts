import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePod, pullSecretNamesOf } from '../../src/wire/pod.ts';
import { aPod } from '../support/pod-builder.ts';

describe('decodePod', () => {
  it('spec A7: everything may be missing', () => {
    expect(decodePod({})).toEqual({
      name: '',
      generateName: '',
      namespace: '',
      labels: new Map(),
      annotations: new Map(),
      nodeName: '',
      nodeSelector: new Map(),
      requiredNodeTerms: [],
      tolerationKeys: [],
      ownerKinds: [],
      osName: '',
      containers: [],
    });
  });

  it('section 4: reads all that decisions need', () => {
    const pod = aPod()
      .inNamespace('team-a')
      .with(['metadata', 'generateName'], 'web-')
      .withLabel('app', 'web')
      .withAnnotation('example.com/a', 'x')
      .ownedBy('ReplicaSet')
      .onNode('virtual-kubelet')
      .withNodeSelector('zone', 'a')
      .requiring({ key: 'type', operator: 'In', values: ['virtual-kubelet'] }, { key: 'b', operator: 'Exists' })
      .requiring({ key: 'c', operator: 'DoesNotExist' })
      .tolerating({ key: 'virtual-kubelet.io/provider' })
      .tolerating({ operator: 'Exists' })
      .forOs('linux')
      .withImage('nginx', 'Always')
      .withInitImage('busybox')
      .withEphemeralImage('debug');
    expect(decodePod(pod.build())).toEqual({
      name: 'web',
      generateName: 'web-',
      namespace: 'team-a',
      labels: new Map([['app', 'web']]),
      annotations: new Map([['example.com/a', 'x']]),
      nodeName: 'virtual-kubelet',
      nodeSelector: new Map([['zone', 'a']]),
      requiredNodeTerms: [
        {
          expressions: [
            { key: 'type', operator: 'In', values: ['virtual-kubelet'] },
            { key: 'b', operator: 'Exists', values: [] },
          ],
        },
        { expressions: [{ key: 'c', operator: 'DoesNotExist', values: [] }] },
      ],
      tolerationKeys: ['virtual-kubelet.io/provider', ''],
      ownerKinds: ['ReplicaSet'],
      osName: 'linux',
      containers: [
        { image: 'busybox', imagePullPolicy: '' },
        { image: 'nginx', imagePullPolicy: 'Always' },
      ],
    });
  });

  it.each([
    ['metadata', { metadata: 'x', spec: [] }],
    ['maps', { metadata: { labels: [], annotations: 7, ownerReferences: {}, name: 1 } }],
    [
      'lists',
      { spec: { containers: {}, initContainers: 'x', tolerations: 1, affinity: [], nodeSelector: 'x', os: 'linux' } },
    ],
    [
      'items',
      {
        spec: {
          containers: [],
          tolerations: [],
          affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: {} } } },
        },
      },
    ],
  ])('spec A7: %s of unexpected types count as absent', (_title, object) => {
    expect(decodePod(object)).toEqual(decodePod({}));
  });

  it('spec A7: items of unexpected types are empty ones', () => {
    const { containers, tolerationKeys, requiredNodeTerms, labels } = decodePod({
      metadata: { labels: { a: 1, b: 'x', c: null } },
      spec: {
        containers: [null, 'nginx', { image: 7 }],
        tolerations: [null],
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [null, { matchExpressions: [7, { values: ['a', 1, null] }] }],
            },
          },
        },
      },
    });
    expect(containers).toEqual(Array.from({ length: 3 }, () => ({ image: '', imagePullPolicy: '' })));
    expect(tolerationKeys).toEqual(['']);
    expect(requiredNodeTerms).toEqual([
      { expressions: [] },
      {
        expressions: [
          { key: '', operator: '', values: [] },
          { key: '', operator: '', values: ['a'] },
        ],
      },
    ]);
    expect([...labels]).toEqual([['b', 'x']]);
  });

  it('spec A7: any JSON is read without an error', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (metadata, spec) => {
        expect(decodePod({ metadata, spec }).containers).toBeInstanceOf(Array);
      }),
      { numRuns: 500 },
    );
  });
});

describe('pullSecretNamesOf', () => {
  it.each([
    ['no spec', {}, []],
    ['no list', { spec: { imagePullSecrets: 'registry' } }, []],
    ['names in order', { spec: { imagePullSecrets: [{ name: 'b' }, { name: 'a' }] } }, ['b', 'a']],
    ['entries without a name', { spec: { imagePullSecrets: [{}, null, { name: 1 }, { name: '' }] } }, []],
  ])('%s', (_title, pod, names) => {
    expect(pullSecretNamesOf(pod)).toEqual(names);
  });
});
