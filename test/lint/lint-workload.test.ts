import { describe, expect, it } from 'vitest';
import { brief, lintText } from './lint-files.ts';

const VENDOR = 'k8s.aliyun.com';

/** A Deployment on ECI: its own metadata on line 3, that of its pods on line 6, their spec on line 7. */
function deployment(metadata: string, template = '', spec = '{containers: [{name: a, image: "a:1"}]}'): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, ${metadata}}
spec:
  template:
    metadata: {${template}}
    spec: ${spec}
`;
}

/** A pod on ECI: annotations on line 3, spec on line 4. */
function pod(annotations: string, spec = '{containers: [{name: a, image: "a:1"}]}'): string {
  return `apiVersion: v1
kind: Pod
metadata: {name: web, labels: {alibabacloud.com/eci: "true"}, annotations: {${annotations}}}
spec: ${spec}
`;
}

/** A cache of this name, mostly usable. */
function cache(name: string, images: string, status = `phase: Ready, imageCacheId: imc-${name}`): string {
  return `apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: ${name}}\nspec: {images: [${images}]}\nstatus: {${status}}\n`;
}

function codes(text: string, cluster = ''): readonly string[] {
  return lintText(text, cluster).map(({ line, code }) => `${line} ${code}`);
}

describe('where keys stand (spec section 1)', () => {
  const auto = `annotations: {${VENDOR}/eci-auto-imc: "true"}`;

  it.each<{ title: string; text: string; found: string[] }>([
    { title: 'on the pod template', text: deployment('', auto), found: [] },
    {
      title: 'on the workload',
      text: deployment(auto),
      found: [`3:54 IMC301 ${VENDOR}/eci-auto-imc does nothing on a Deployment; pods do not inherit it`],
    },
    { title: 'on both', text: deployment(auto, auto), found: [] },
    { title: 'on a pod', text: pod(`${VENDOR}/eci-auto-imc: "true"`), found: [] },
    {
      title: 'as a label of the template',
      text: deployment('', `labels: {${VENDOR}/eci-auto-imc: "true"}`),
      found: [`6:25 IMC301 ${VENDOR}/eci-auto-imc is a label here; it counts only as an annotation`],
    },
    {
      title: 'as a label of the workload',
      text: deployment(`labels: {${VENDOR}/eci-imc-id: imc-1}`),
      found: [`3:49 IMC301 ${VENDOR}/eci-imc-id does nothing on a Deployment; pods do not inherit it`],
    },
    {
      title: 'the ECI label as an annotation',
      text: deployment('', 'annotations: {alibabacloud.com/eci: "true"}'),
      found: ['6:30 IMC301 alibabacloud.com/eci is an annotation here; it counts only as a label'],
    },
    {
      title: 'the ECI label on the workload only',
      text: deployment('labels: {alibabacloud.com/eci: "true"}'),
      found: ['3:49 IMC301 alibabacloud.com/eci does nothing on a Deployment; pods do not inherit it'],
    },
    {
      title: 'the ECI label on both',
      text: deployment('labels: {alibabacloud.com/eci: "true"}', 'labels: {alibabacloud.com/eci: "true"}'),
      found: [],
    },
    {
      title: 'ignore on the workload only',
      text: deployment('annotations: {imc-webhook/ignore: "true"}'),
      found: ['3:54 IMC301 imc-webhook/ignore does nothing on a Deployment; pods do not inherit it'],
    },
    {
      title: 'other keys',
      text: deployment('labels: {app: web}, annotations: {k8s.aliyun.com/eci-vswitch: vsw-1}'),
      found: [],
    },
    {
      title: 'on a Service',
      text: `apiVersion: v1\nkind: Service\nmetadata: {name: web, ${auto}}\n`,
      found: [`3:37 IMC301 ${VENDOR}/eci-auto-imc does nothing on a Service; pods do not inherit it`],
    },
    {
      title: 'on a Namespace',
      text: `apiVersion: v1\nkind: Namespace\nmetadata: {name: web, ${auto}}\n`,
      found: [`3:37 IMC301 ${VENDOR}/eci-auto-imc does nothing on a Namespace; pods do not inherit it`],
    },
    {
      title: 'a label of Namespaces as an annotation',
      text: 'apiVersion: v1\nkind: Namespace\nmetadata: {name: web, annotations: {imc-webhook/enabled: "true"}}\n',
      found: ['3:37 IMC301 imc-webhook/enabled is an annotation here; on a Namespace it counts only as a label'],
    },
    {
      title: 'on the Job template of a CronJob',
      text: `apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: web}\nspec: {jobTemplate: {metadata: {${auto}}, spec: {template: {spec: {containers: [{name: a, image: "a:1"}]}}}}}\n`,
      found: [
        `4:47 IMC301 ${VENDOR}/eci-auto-imc does nothing on the Job template of a CronJob; pods do not inherit it`,
      ],
    },
    {
      title: 'on the pod template of a CronJob',
      text: `apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: web}\nspec: {jobTemplate: {spec: {template: {metadata: {${auto}}, spec: {containers: [{name: a, image: "a:1"}]}}}}}\n`,
      found: [],
    },
  ])('$title', ({ text, found }) => {
    expect(brief(lintText(text))).toEqual(found);
  });
});

describe('marks that count only as "true" (spec section 1, G4)', () => {
  const namespace = (labels: string): string =>
    `apiVersion: v1\nkind: Namespace\nmetadata: {name: web, labels: {${labels}}}\n`;

  it.each([
    { text: namespace('imc-webhook/enabled: "true", alibabacloud.com/eci: "false"'), found: [] },
    { text: namespace('imc-webhook/enabled: "yes"'), found: ['3 IMC302'] },
    { text: namespace('alibabacloud.com/eci: "True"'), found: ['3 IMC302'] },
    { text: deployment('', 'labels: {alibabacloud.com/eci: "1"}'), found: ['6 IMC302'] },
    { text: deployment('', 'labels: {imc-webhook/ignore: "on"}'), found: ['6 IMC302'] },
  ])('$text', ({ text, found }) => {
    expect(codes(text)).toEqual(found);
  });
});

describe('what annotations of pods say (spec M1, M2, M5, M6, M10)', () => {
  it.each<{ annotations: string; found: string[] }>([
    { annotations: '', found: [] },
    { annotations: `${VENDOR}/eci-auto-imc: "TRUE "`, found: [] },
    {
      annotations: `${VENDOR}/eci-auto-imc: "1"`,
      found: [`IMC302 ${VENDOR}/eci-auto-imc is "1", which counts as absent; expected "true" or "false"`],
    },
    {
      annotations: `${VENDOR}/imc-perfect-match: ""`,
      found: [`IMC302 ${VENDOR}/imc-perfect-match is "", which counts as absent; expected "true" or "false"`],
    },
    {
      annotations: `${VENDOR}/imc-match-count-request: "0"`,
      found: [
        `IMC302 ${VENDOR}/imc-match-count-request is "0", which counts as absent; expected a whole number from 1`,
      ],
    },
    {
      annotations: `${VENDOR}/imc-match-count-request: two`,
      found: [
        `IMC302 ${VENDOR}/imc-match-count-request is "two", which counts as absent; expected a whole number from 1`,
      ],
    },
    { annotations: `${VENDOR}/imc-match-count-request: "1"`, found: [] },
    {
      annotations: `${VENDOR}/imc-match-count-request: "2"`,
      found: [`IMC310 ${VENDOR}/imc-match-count-request asks for 2 images, and the pod has 1`],
    },
    {
      annotations: `${VENDOR}/eci-imc-id: ""`,
      found: [`IMC302 ${VENDOR}/eci-imc-id is empty, and an empty pin is no pin`],
    },
    {
      annotations: `${VENDOR}/eci-image-cache: "true"`,
      found: [`IMC303 ${VENDOR}/eci-image-cache has been replaced by ${VENDOR}/eci-auto-imc`],
    },
    {
      annotations: `${VENDOR}/eci-image-snapshot-id: imc-1`,
      found: [`IMC303 ${VENDOR}/eci-image-snapshot-id has been replaced by ${VENDOR}/eci-imc-id`],
    },
    {
      annotations: `${VENDOR}/eci-image-cache: "true", ${VENDOR}/eci-auto-imc: "true"`,
      found: [`IMC303 ${VENDOR}/eci-image-cache is ignored beside ${VENDOR}/eci-auto-imc, which replaced it`],
    },
    {
      annotations: `${VENDOR}/eci-imc-id: imc-1, ${VENDOR}/eci-auto-imc: "false"`,
      found: [`IMC307 the pod has a pin, which beats ${VENDOR}/eci-auto-imc`],
    },
    {
      annotations: `${VENDOR}/eci-imc-id: imc-1, ${VENDOR}/imc-match-count-request: "1"`,
      found: [`IMC308 ${VENDOR}/imc-match-count-request is ignored, since the pod has a pin`],
    },
    {
      annotations: `${VENDOR}/eci-auto-imc: "false", ${VENDOR}/imc-perfect-match: "true"`,
      found: [`IMC308 ${VENDOR}/imc-perfect-match is ignored, since automatic mode is off`],
    },
    {
      annotations: `${VENDOR}/imc-perfect-match: "true", ${VENDOR}/imc-match-count-request: "1"`,
      found: [`IMC309 ${VENDOR}/imc-match-count-request asks for nothing more beside ${VENDOR}/imc-perfect-match`],
    },
    { annotations: `${VENDOR}/imc-perfect-match: "false", ${VENDOR}/imc-match-count-request: "1"`, found: [] },
  ])('$annotations', ({ annotations, found }) => {
    const told = lintText(pod(annotations)).map(({ code, message }) => `${code} ${message}`);
    expect(told).toEqual(found);
  });
});

describe('where pins lead (spec M1)', () => {
  const pinned = (id: string): string => pod(`${VENDOR}/eci-imc-id: ${id}`);
  const ready = cache('ok', 'a:1');

  it.each<{ title: string; text: string; cluster: string; found: string[] }>([
    { title: 'no cache is known: nothing is said', text: pinned('imc-1'), cluster: '', found: [] },
    { title: 'it works', text: pinned('imc-ok'), cluster: ready, found: [] },
    {
      title: 'unknown',
      text: pinned('imc-no'),
      cluster: ready,
      found: ['3:104 IMC305 the pod pins "imc-no", which no ImageCache given has as its id'],
    },
    {
      title: 'a name',
      text: pinned('ok'),
      cluster: ready,
      found: ['3:104 IMC304 the pod pins the ImageCache ok by its name, not by its id'],
    },
    {
      title: 'not Ready',
      text: pinned('imc-1'),
      cluster: cache('late', 'a:1', 'phase: Creating, progress: 5%, imageCacheId: imc-1'),
      found: ['3:104 IMC306 the pod pins imc-1, the ImageCache late, which is Creating (5%)'],
    },
    {
      title: 'expired',
      text: pinned('imc-1'),
      cluster: cache('past', 'a:1', 'phase: Ready, imageCacheId: imc-1, expireDateTime: "2026-01-01T00:00:00Z"'),
      found: ['3:104 IMC306 the pod pins imc-1, the ImageCache past, which is expired'],
    },
    {
      title: 'not Ready under one name, working under another',
      text: pinned('imc-ok'),
      cluster: `${ready}---\n${cache('late', 'a:1', 'phase: Creating, imageCacheId: imc-ok')}`,
      found: [],
    },
  ])('$title', ({ text, cluster, found }) => {
    expect(brief(lintText(text, cluster))).toEqual(found);
  });

  it('a name tells the id to write', () => {
    expect(lintText(pinned('ok'), ready)[0]?.remedy).toBe('write imc-ok');
    expect(lintText(pinned('new'), cache('new', 'a:1', 'phase: Pending'))[0]?.remedy).toBe(
      'wait until it has an id, and write that',
    );
  });
});

describe('images of pods (spec I1, A3)', () => {
  const images = (...containers: readonly string[]): string =>
    pod('', `{containers: [${containers.map((each) => `{${each}}`).join(', ')}]}`);

  it.each<{ title: string; text: string; cluster?: string; found: string[] }>([
    { title: 'a good one', text: images('image: "a:1"'), found: [] },
    {
      title: 'an invalid one',
      text: images('image: "a:1"', 'image: A'),
      found: ['4:45 IMC401 "A" is no image reference: the repository name must be lower case'],
    },
    {
      title: 'an invalid one of an init container',
      text: pod('', '{initContainers: [{image: "a:"}], containers: [{image: "a:1"}]}'),
      found: [
        '4:33 IMC401 "a:" is no image reference: the tag must be 1 to 128 letters, digits, "_", "." or "-", not starting with "." or "-"',
      ],
    },
    { title: 'none', text: images('name: a'), found: ['4:21 IMC401 the container names no image'] },
    { title: 'a number', text: images('image: 7'), found: ['4:29 IMC401 the image is no text'] },
    {
      title: 'a tag that moves',
      text: images('image: "a:stable"'),
      found: ['4:29 IMC402 the tag stable of a:stable moves, and a cache does not follow'],
    },
    {
      title: 'no tag',
      text: images('image: a'),
      found: ['4:29 IMC402 the tag latest of a moves, and a cache does not follow'],
    },
    { title: 'a tag that moves, with a digest', text: images(`image: "a:latest@sha256:${'0'.repeat(64)}"`), found: [] },
    {
      title: 'Always, and cached',
      text: images('image: "a:1", imagePullPolicy: Always'),
      cluster: cache('c', '"a:1"'),
      found: ['4:53 IMC403 a:1 is cached in c, but imagePullPolicy is Always'],
    },
    {
      title: 'Always by default, and cached',
      text: images('image: a'),
      cluster: cache('c', 'a'),
      found: [
        '4:29 IMC402 the tag latest of a moves, and a cache does not follow',
        '4:29 IMC403 a is cached in c, but imagePullPolicy is Always by default for the tag latest',
      ],
    },
    {
      title: 'Always, and not cached',
      text: images('image: "a:1", imagePullPolicy: Always', 'image: "b:1"'),
      cluster: cache('c', '"b:1"'),
      found: ['4:8 IMC405 the best ImageCache, c, does not hold docker.io/library/a:1'],
    },
  ])('$title', ({ text, cluster = '', found }) => {
    expect(brief(lintText(text, cluster))).toEqual(found);
  });

  it('tags of pods that are not on ECI are nobody’s business here', () => {
    expect(codes(deployment('', '', '{containers: [{name: a, image: nginx}]}'))).toEqual([]);
  });
});

describe('which caches would serve workloads (spec M4 to M8)', () => {
  const two = '{containers: [{name: a, image: "a:1"}, {name: b, image: "b:1"}]}';
  const onEci = 'labels: {alibabacloud.com/eci: "true"}';

  it.each<{ title: string; text: string; cluster: string; found: string[] }>([
    { title: 'no caches: nothing is said', text: pod('', two), cluster: '', found: [] },
    { title: 'all images', text: pod('', two), cluster: cache('c', '"a:1", "b:1", "x:1"'), found: [] },
    {
      title: 'some images',
      text: pod('', two),
      cluster: cache('c', '"a:1"'),
      found: ['4:8 IMC405 the best ImageCache, c, does not hold docker.io/library/b:1'],
    },
    {
      title: 'none',
      text: pod('', two),
      cluster: cache('c', '"x:1"'),
      found: ['4:8 IMC404 no usable ImageCache holds docker.io/library/a:1, docker.io/library/b:1'],
    },
    {
      title: 'one that is not usable',
      text: pod('', two),
      cluster: cache('c', '"a:1", "b:1"', 'phase: Failed'),
      found: ['4:8 IMC404 no usable ImageCache holds docker.io/library/a:1, docker.io/library/b:1'],
    },
    {
      title: 'all are asked for',
      text: pod(`${VENDOR}/imc-perfect-match: "true"`, two),
      cluster: cache('c', '"a:1"'),
      found: ['4:8 IMC406 all 2 images are asked for, but c holds 1'],
    },
    {
      title: 'a number is asked for',
      text: pod(`${VENDOR}/imc-match-count-request: "2"`, two),
      cluster: cache('c', '"x:1"'),
      found: ['4:8 IMC406 2 cached images are asked for, but none holds any'],
    },
    {
      title: 'automatic mode is off',
      text: pod(`${VENDOR}/eci-auto-imc: "false"`, two),
      cluster: cache('c', '"x:1"'),
      found: [],
    },
    { title: 'not on ECI', text: deployment('', '', two), cluster: cache('c', '"x:1"'), found: [] },
    {
      title: 'on ECI by a Namespace',
      text: deployment('', '', two),
      cluster: `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {alibabacloud.com/eci: "true"}}\n---\n${cache('c', '"a:1"')}`,
      found: ['7:12 IMC405 the best ImageCache, c, does not hold docker.io/library/b:1'],
    },
    {
      title: 'a template',
      text: deployment('', onEci, two),
      cluster: cache('c', '"x:1"'),
      found: ['7:12 IMC404 no usable ImageCache holds docker.io/library/a:1, docker.io/library/b:1'],
    },
    {
      title: 'a rule asks for all',
      text: pod('', two),
      cluster: `${cache('c', '"a:1"')}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: eci-profile, namespace: kube-system}\ndata: {selectors: '[{"name": "a", "effect": {"annotations": {"k8s.aliyun.com/imc-perfect-match": "true"}}}]'}\n`,
      found: ['4:8 IMC406 all 2 images are asked for, but c holds 1'],
    },
  ])('$title', ({ text, cluster, found }) => {
    expect(brief(lintText(text, cluster))).toEqual(found);
  });

  it('an AdmissionReview is a pod like any other', () => {
    const review = (uid: string): string => `apiVersion: admission.k8s.io/v1
kind: AdmissionReview
request:
  uid: ${uid}
  operation: CREATE
  resource: {group: "", version: v1, resource: pods}
  namespace: shop
  object: {apiVersion: v1, kind: Pod, metadata: {labels: {alibabacloud.com/eci: "true"}}, spec: ${two}}
`;
    expect(brief(lintText(review('a'), cache('c', '"a:1"')))).toEqual([
      '8:98 IMC405 the best ImageCache, c, does not hold docker.io/library/b:1',
    ]);
    expect(brief(lintText(review('""')))).toEqual([
      '4:8 IMC002 request.uid: expected a non-empty text, got an empty one',
    ]);
  });

  it.each<{ title: string; caches: string[]; pods: string[]; unused: string[] }>([
    { title: 'chosen', caches: [cache('c', '"a:1"')], pods: [pod('')], unused: [] },
    {
      title: 'outranked',
      caches: [cache('c', '"a:1", "b:1"'), cache('d', '"a:1"')],
      pods: [pod('', two)],
      unused: ['d'],
    },
    {
      title: 'pinned',
      caches: [cache('c', '"a:1"'), cache('d', '"x:1"')],
      pods: [pod(`${VENDOR}/eci-imc-id: imc-d`)],
      unused: ['c'],
    },
    { title: 'not usable: that is known', caches: [cache('c', '"x:1"', 'phase: Failed')], pods: [pod('')], unused: [] },
    { title: 'no workloads: nothing is said', caches: [cache('c', '"a:1"')], pods: [], unused: [] },
    {
      title: 'no workloads on ECI: nothing is said',
      caches: [cache('c', '"a:1"')],
      pods: [deployment('')],
      unused: [],
    },
  ])('caches that no pod would use: $title', ({ caches, pods, unused }) => {
    const found = lintText([...caches, ...pods].join('---\n')).filter(({ code }) => code === 'IMC213');
    expect(found.map(({ object }) => object)).toEqual(unused.map((name) => `ImageCache/${name}`));
  });
});

describe('objects that are none (spec section 8)', () => {
  it.each<{ title: string; text: string; found: string[] }>([
    { title: 'no kind', text: 'apiVersion: v1\nmetadata: {name: a}\n', found: ['1 IMC002'] },
    { title: 'no apiVersion', text: 'kind: Service\n', found: ['1 IMC002'] },
    { title: 'neither', text: 'metadata: {name: a}\n', found: ['1 IMC002'] },
    { title: 'settings and values of charts', text: 'mode: enforce\nreplicas: 2\n', found: [] },
    {
      title: 'a pod without a name',
      text: 'apiVersion: v1\nkind: Pod\nmetadata: {}\nspec: {containers: []}\n',
      found: ['3 IMC002'],
    },
    {
      title: 'a pod without metadata',
      text: 'apiVersion: v1\nkind: Pod\nspec: {containers: []}\n',
      found: ['1 IMC002'],
    },
    {
      title: 'a pod with a generateName',
      text: 'apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\nspec: {containers: []}\n',
      found: [],
    },
    {
      title: 'a Namespace without a name',
      text: 'apiVersion: v1\nkind: Namespace\nmetadata: {labels: {}}\n',
      found: ['3 IMC002'],
    },
    { title: 'a spec of a wrong type', text: 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: []\n', found: [] },
    {
      title: 'items of a List',
      text: 'apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n- {}\n',
      found: ['4 IMC002'],
    },
  ])('$title', ({ text, found }) => {
    expect(codes(text)).toEqual(found);
  });

  it('texts that are none, wherever texts are expected', () => {
    const text = deployment(
      'labels: {a: 1}',
      'labels: {b: 1.10}, annotations: {c: yes, d: {e: f}, g: null}',
      '{nodeSelector: {h: true}, containers: [{name: a, image: "a:1"}]}',
    );
    expect(lintText(text).map(({ line, code, message, remedy }) => `${line} ${code} ${message} (${remedy})`)).toEqual([
      '3 IMC004 the label a is a number, not a text (put it in quotes)',
      '6 IMC004 the label b is a number, not a text (put it in quotes)',
      '6 IMC004 kubectl reads the value of c, yes, as the boolean true, not as a text (put it in quotes: "yes")',
      '6 IMC004 the annotation d is a mapping, not a text (write a text)',
      '6 IMC004 the annotation g is empty, not a text (write a text)',
      '7 IMC004 in spec.template.spec.nodeSelector the value of h is a boolean, not a text (put it in quotes: "true")',
    ]);
  });

  it('octal numbers are meant where file modes stand', () => {
    const text = deployment(
      '',
      '',
      '{volumes: [{secret: {defaultMode: 0440, items: [{mode: 0400}]}}], containers: [{image: "a:1", args: [0777]}]}',
    );
    expect(codes(text)).toEqual(['7 IMC005']);
  });
});
