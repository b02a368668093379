import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { imc } from './recording-terminal.ts';

const POD_SPEC = 'containers: [{name: a, image: "nginx:1.27.0"}]';
const CACHE = `apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata: {name: nginx}
spec: {images: ["nginx:1.27.0"]}
status: {phase: Ready, imageCacheId: imc-nginx}
`;

/** An object with a pod template in the usual place. */
function workload(apiVersion: string, kind: string, name = 'web'): string {
  return `apiVersion: ${apiVersion}
kind: ${kind}
metadata: {name: ${name}, namespace: shop}
spec:
  template:
    metadata: {labels: {eci: "true"}}
    spec: {${POD_SPEC}}
`;
}

const POD = `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {eci: "true"}}
spec: {${POD_SPEC}}
`;

/** The names of the pods in the answer, all of which get the cache. */
async function namesIn(args: readonly string[], stdin = ''): Promise<readonly string[]> {
  const { code, out, err } = await imc(['review', ...args, '-o', 'json'], { stdin });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const rows = JSON.parse(out) as { namespace: string; name: string; cache: string }[]; // see the tests of -o json
  expect(rows.map(({ cache }) => cache)).toEqual(rows.map(() => 'nginx'));
  return rows.map(({ namespace, name }) => `${namespace}/${name}`);
}

describe('what imc review takes (spec section 8)', () => {
  it.each([
    { title: 'a Pod', text: POD, names: ['shop/Pod/web'] },
    {
      title: 'a Pod without a namespace, which is then in default',
      text: POD.replace(', namespace: shop', ''),
      names: ['default/Pod/web'],
    },
    {
      title: 'a Pod with a generateName',
      text: POD.replace('name: web', 'generateName: web-'),
      names: ['shop/Pod/web-'],
    },
    { title: 'a Deployment', text: workload('apps/v1', 'Deployment'), names: ['shop/Deployment/web'] },
    { title: 'a StatefulSet', text: workload('apps/v1', 'StatefulSet'), names: ['shop/StatefulSet/web'] },
    { title: 'a ReplicaSet', text: workload('apps/v1', 'ReplicaSet'), names: ['shop/ReplicaSet/web'] },
    {
      title: 'a DaemonSet whose pods show a sign of ECI',
      text: workload('apps/v1', 'DaemonSet'),
      names: ['shop/DaemonSet/web'],
    },
    { title: 'a Job', text: workload('batch/v1', 'Job'), names: ['shop/Job/web'] },
    {
      title: 'a CronJob',
      text: workload('batch/v1', 'CronJob').replace(
        'spec:\n  template:',
        'spec:\n  jobTemplate: {spec: {template: {metadata: {labels: {eci: "true"}}, spec: {containers: [{name: a, image: "nginx:1.27.0"}]}}}}\n  ignored:',
      ),
      names: ['shop/CronJob/web'],
    },
    {
      title: 'a ReplicationController',
      text: workload('v1', 'ReplicationController'),
      names: ['shop/ReplicationController/web'],
    },
    {
      title: 'a PodTemplate',
      text: `apiVersion: v1\nkind: PodTemplate\nmetadata: {name: web, namespace: shop}\ntemplate: {metadata: {labels: {eci: "true"}}, spec: {${POD_SPEC}}}\n`,
      names: ['shop/PodTemplate/web'],
    },
    { title: 'a Knative Service', text: workload('serving.knative.dev/v1', 'Service'), names: ['shop/Service/web'] },
    { title: 'an Argo Rollout', text: workload('argoproj.io/v1alpha1', 'Rollout'), names: ['shop/Rollout/web'] },
    { title: 'a kind nobody has heard of', text: workload('example.com/v1', 'Whatever'), names: ['shop/Whatever/web'] },
    {
      title: 'several documents, of which some hold no pod',
      text: `${POD}---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\n\n---\n${workload('apps/v1', 'Deployment')}`,
      names: ['shop/Pod/web', 'shop/Deployment/web'],
    },
    {
      title: 'a List',
      text: `apiVersion: v1\nkind: List\nitems:\n- ${POD.replaceAll('\n', '\n  ')}\n- ${workload('apps/v1', 'Deployment').replaceAll('\n', '\n  ')}\n`,
      names: ['shop/Pod/web', 'shop/Deployment/web'],
    },
    {
      title: 'a List as an API server sends it, with items that do not name their kind',
      text: `apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: {name: web, namespace: shop}\n  spec: {template: {metadata: {labels: {eci: "true"}}, spec: {${POD_SPEC}}}}\n`,
      names: ['shop/Deployment/web'],
    },
    {
      title: 'an AdmissionReview in YAML',
      text: `apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\nrequest:\n  uid: a\n  operation: CREATE\n  resource: {group: "", version: v1, resource: pods}\n  namespace: shop\n  object: {kind: Pod, metadata: {generateName: web-, labels: {eci: "true"}}, spec: {${POD_SPEC}}}\n`,
      names: ['shop/Pod/web-'],
    },
    {
      title: 'JSON documents, one per line',
      text: [1, 2]
        .map((i) =>
          JSON.stringify({
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: `web-${i}`, labels: { eci: 'true' } },
            spec: { containers: [{ image: 'nginx:1.27.0' }] },
          }),
        )
        .join('\n'),
      names: ['default/Pod/web-1', 'default/Pod/web-2'],
    },
    {
      title: 'a text with Windows line ends and a byte order mark',
      text: `\uFEFF${POD.replaceAll('\n', '\r\n')}`,
      names: ['shop/Pod/web'],
    },
  ])('takes $title', async ({ text, names }) => {
    const folder = temporaryFolder({ 'input.yaml': text });
    const cluster = temporaryFolder({ 'cache.yaml': CACHE });
    expect(await namesIn(['-f', `${folder}/input.yaml`, '--dir', cluster])).toEqual(names);
    expect(await namesIn(['-f', '-', '--dir', cluster], text)).toEqual(names);
  });

  it('takes folders: manifests by name, those below too, hidden ones and others not', async () => {
    const folder = temporaryFolder({
      'b.yml': POD.replace('name: web', 'name: b'),
      'a.yaml': POD.replace('name: web', 'name: a'),
      'below/c.json': JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'c', labels: { eci: 'true' } },
        spec: { containers: [{ image: 'nginx:1.27.0' }] },
      }),
      '.hidden/d.yaml': 'broken: [',
      'node_modules/e.yaml': 'broken: [',
      'notes.txt': 'broken: [',
    });
    const cluster = temporaryFolder({ 'cache.yaml': CACHE });
    expect(await namesIn(['-f', folder, '--dir', cluster])).toEqual(['shop/Pod/a', 'shop/Pod/b', 'default/Pod/c']);
  });

  it('takes the folder it runs in, with files whose names are a single letter', async () => {
    const folder = temporaryFolder({ 'a.yaml': POD });
    const cluster = temporaryFolder({ 'cache.yaml': CACHE });
    const before = process.cwd();
    process.chdir(folder);
    try {
      expect(await namesIn(['-f', '.', '--dir', cluster])).toEqual(['shop/Pod/web']);
    } finally {
      process.chdir(before);
    }
  });

  it('takes a file of any name, and several -f, in their order', async () => {
    const folder = temporaryFolder({
      'one.txt': POD.replace('name: web', 'name: one'),
      two: POD.replace('name: web', 'name: two'),
    });
    const cluster = temporaryFolder({ 'cache.yaml': CACHE });
    const names = await namesIn(['-f', `${folder}/two`, '-f', '-', '-f', `${folder}/one.txt`, '--dir', cluster], POD);
    expect(names).toEqual(['shop/Pod/two', 'shop/Pod/web', 'shop/Pod/one']);
  });

  it('puts pods that name no namespace where --namespace says', async () => {
    const text = `${POD.replace(', namespace: shop', '')}---\n${POD}---\n${CACHE}`;
    expect(await namesIn(['-f', '-', '-n', 'batch'], text)).toEqual(['batch/Pod/web', 'shop/Pod/web']);
  });

  it('counts init containers of templates, and fills in pull policies as the API server does', async () => {
    const text = `${workload('apps/v1', 'Deployment').replace('spec: {containers', 'spec: {initContainers: [{name: i, image: busybox}], containers')}---\n${CACHE.replace('"nginx:1.27.0"', '"nginx:1.27.0", busybox')}`;
    const { out } = await imc(['review', '-f', '-', '-o', 'json'], { stdin: text });
    expect(JSON.parse(out)).toMatchObject([
      {
        images: 2,
        exact: 2,
        warnings: ['imagePullPolicy Always asks the registry for docker.io/library/busybox:latest, though cached'],
      },
    ]);
  });

  it('reviews an AdmissionReview that was written without dryRun as a dry run', async () => {
    const { out } = await imc([
      'review',
      '-f',
      'examples/reviews/checkout-pod.json',
      '--dir',
      'examples/cluster',
      '-o',
      'review',
    ]);
    expect(JSON.parse(out)).toMatchObject({ response: { uid: '7b0f6c1e-4d0a-4a53-9c1b-0d7e2f6a9b34', allowed: true } });
  });
});

describe('input that cannot be read: exit code 2, the place, and what to do (spec section 8)', () => {
  const CLUSTER = ['--dir', 'examples/cluster'];

  it.each<{ title: string; content: string | Uint8Array; says: RegExp }>([
    { title: 'truncated YAML', content: POD.slice(0, POD.indexOf('}')), says: /in\.yaml:\d+:\d+: / },
    {
      title: 'YAML cut in the middle of a quoted text',
      content: 'apiVersion: v1\nkind: "Pod',
      says: /in\.yaml:2:7: .*never closed; close it/,
    },
    {
      title: 'truncated JSON',
      content: '{"apiVersion": "v1", "kind": "Pod", "metadata": {',
      says: /in\.yaml:1:\d+: the JSON ends too early/,
    },
    {
      title: 'JSON with a comma too few',
      content: '{\n  "apiVersion": "v1"\n  "kind": "Pod"\n}',
      says: /in\.yaml:[23]:\d+: not valid JSON/,
    },
    {
      title: 'tabs for indentation',
      content: 'apiVersion: v1\nkind: Pod\nmetadata:\n\tname: a\n',
      says: /in\.yaml:4:1: .*[Tt]ab/,
    },
    {
      title: 'a key that stands twice',
      content: `${POD}metadata: {name: b}\n`,
      says: /in\.yaml:5:1: the key "metadata" stands twice/,
    },
    {
      title: 'a document that is a list',
      content: '- a\n- b\n',
      says: /in\.yaml:1:1: expected an object with apiVersion and kind, found a list/,
    },
    {
      title: 'a document that is a text',
      content: 'hello\n',
      says: /in\.yaml:1:1: expected an object with apiVersion and kind, found a text/,
    },
    { title: 'a missing blank after a colon', content: 'kind:Pod\n', says: /a blank is missing after the colon/ },
    {
      title: 'nothing but kinds without pods',
      content: 'apiVersion: v1\nkind: Service\nmetadata: {name: s}\n',
      says: /no pod to review, .*Service: expected a Pod, an AdmissionReview, or an object with a pod template/,
    },
    { title: 'an object without a kind', content: 'a: b\n', says: /no pod to review, .*without a kind/ },
    { title: 'an empty file', content: '', says: /no pod to review, .*: expected a Pod/ },
    { title: 'a file of comments', content: '# nothing here\n---\n', says: /no pod to review, .*: expected a Pod/ },
    {
      title: 'a binary file',
      content: Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0]),
      says: /in\.yaml:1:\d+: this is binary data, not text; expected YAML or JSON in UTF-8/,
    },
    {
      title: 'a file in another encoding',
      content: Uint8Array.from([0x61, 0x3a, 0x20, 0xe4, 0x0a]),
      says: /in\.yaml:1:4: this is no UTF-8 text; save the file as UTF-8/,
    },
    {
      title: 'an annotation that is no text, with what to write',
      content: POD.replace('labels: {', 'annotations: {k8s.aliyun.com/imc-perfect-match: true}, labels: {'),
      says: /in\.yaml:3:\d+: metadata\.annotations\["k8s\.aliyun\.com\/imc-perfect-match"\]: expected a text; put it in quotes: "true"/,
    },
    {
      title: 'a label of a pod template that is no text',
      content: workload('apps/v1', 'Deployment').replace('"true"', '1'),
      says: /in\.yaml:6:\d+: spec\.template\.metadata\.labels\.eci: expected a text; put it in quotes: "1"/,
    },
    {
      title: 'an image that is no text',
      content: POD.replace('"nginx:1.27.0"', '1.27'),
      says: /in\.yaml:4:\d+: spec\.containers\[0\]\.image: expected an image reference/,
    },
    {
      title: 'an AdmissionReview without a uid',
      content: '{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"operation": "CREATE"}}',
      says: /in\.yaml:1:77: request\.uid: expected a non-empty text, got nothing/,
    },
    {
      title: 'an AdmissionReview of another version',
      content: '{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {"uid": "1"}}',
      says: /in\.yaml:1:16: apiVersion: expected "admission\.k8s\.io\/v1", got "admission\.k8s\.io\/v1beta1"/,
    },
    {
      title: 'an AdmissionReview without a request',
      content: 'apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\n',
      says: /in\.yaml:1:1: request: expected an object, got nothing/,
    },
    {
      title: 'an AdmissionReview of a pod that is none',
      content:
        'apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\nrequest:\n  uid: a\n  operation: CREATE\n  resource: {version: v1, resource: pods}\n  object: 1\n',
      says: /in\.yaml:7:11: request\.object: expected the pod to be created, got a number/,
    },
  ])('$title', async ({ content, says }) => {
    const file = `${temporaryFolder({ 'in.yaml': content })}/in.yaml`;
    for (const command of ['review', 'explain']) {
      const { code, out, err } = await imc([command, '-f', file, ...CLUSTER]);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toMatch(/^Error: /);
      expect(err).toMatch(says);
    }
  });

  it('names the second file if the second is broken', async () => {
    const folder = temporaryFolder({ 'a.yaml': POD, 'b.yaml': 'kind: [\n' });
    const { code, err } = await imc(['review', '-f', folder, ...CLUSTER]);
    expect(code).toBe(2);
    expect(err).toContain(`${folder}/b.yaml:`);
  });

  it('names standard input', async () => {
    const { code, err } = await imc(['review', '-f', '-', ...CLUSTER], { stdin: 'kind: [\n' });
    expect(code).toBe(2);
    expect(err).toMatch(/^Error: <stdin>:\d+:\d+: /);
  });

  it.each([
    { title: 'a missing file', path: 'nowhere.yaml', says: 'no such file or folder; check the path' },
    { title: 'a name that is too long', path: `${'x'.repeat(300)}.yaml`, says: 'the path is too long; shorten it' },
    {
      title: 'a path through a file',
      path: 'file.yaml/inner.yaml',
      says: 'a part of this path is no folder; check the path',
    },
    {
      title: 'a folder without manifests',
      path: 'empty',
      says: 'no manifest in this folder; expected files named *.yaml, *.yml or *.json',
    },
  ])('$title', async ({ path, says }) => {
    const folder = temporaryFolder({ 'file.yaml': POD, 'empty/notes.txt': '' });
    const { code, out, err } = await imc(['review', '-f', `${folder}/${path}`, ...CLUSTER]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toBe(`Error: ${folder}/${path}: ${says}\n`);
  });

  it('a file of the kernel that even root may not read', async () => {
    const { code, err } = await imc(['review', '-f', '/proc/self/mem', ...CLUSTER]);
    expect(code).toBe(2);
    expect(err).toMatch(/^Error: \/proc\/self\/mem: /);
  });
});

describe('a cluster folder that cannot be read: exit code 2 and the place (spec section 8)', () => {
  it.each([
    {
      title: 'a broken ImageCache file',
      files: { 'caches/web.yaml': `${CACHE}---\nkind: {\n` },
      says: /caches\/web\.yaml:[78]:\d+: /,
    },
    {
      title: 'an ImageCache without a name',
      files: { 'web.yaml': CACHE.replace('{name: nginx}', '{}') },
      says: /web\.yaml:3:\d+: metadata\.name: an ImageCache needs a name/,
    },
    {
      title: 'an ImageCache whose images are no list',
      files: { 'web.yaml': CACHE.replace('["nginx:1.27.0"]', 'nginx') },
      says: /web\.yaml:4:\d+: spec\.images: expected a list of image references/,
    },
    {
      title: 'an ImageCache with an image that is no text',
      files: { 'web.yaml': CACHE.replace('["nginx:1.27.0"]', '[nginx, 1.27]') },
      says: /web\.yaml:4:\d+: spec\.images\[1\]: expected an image reference/,
    },
    {
      title: 'an ImageCache with a label that is no text',
      files: { 'web.yaml': CACHE.replace('{name: nginx}', '{name: nginx, labels: {imc-webhook/retiring: true}}') },
      says: /web\.yaml:3:\d+: metadata\.labels\["imc-webhook\/retiring"\]: expected a text; put it in quotes: "true"/,
    },
    {
      title: 'an eci-profile that is no JSON',
      files: {
        'p.yaml':
          'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: eci-profile, namespace: kube-system}\ndata:\n  selectors: |\n    [\n      {"name": "a"},\n    ]\n',
      },
      says: /p\.yaml:8:5: selectors: not valid JSON/,
    },
    {
      title: 'an eci-profile with a rule that is not valid',
      files: {
        'p.yaml':
          'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: eci-profile, namespace: kube-system}\ndata:\n  selectors: |\n    [\n      {"name": "a", "effect": {"labels": {"b": 1}}}\n    ]\n',
      },
      says: /p\.yaml:7:\d+: selectors\[0\]\.effect\.labels\.b: rule "a": expected a text/,
    },
    {
      title: 'two files with one ImageCache',
      files: { 'a.yaml': CACHE, 'b.yaml': CACHE },
      says: /b\.yaml: imagecaches\/nginx is also defined in .*a\.yaml; this file counts: remove the others/,
    },
  ])('$title', async ({ files, says }) => {
    const folder = temporaryFolder(files);
    const { code, out, err } = await imc(['review', '-f', '-', '--dir', folder], { stdin: POD });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^Error: /);
    expect(err).toMatch(says);
    expect(err).toContain(folder);
  });

  it('tells every problem at once', async () => {
    const folder = temporaryFolder({ 'a.yaml': 'kind: [\n', 'b.yaml': 'kind: {\n' });
    const { err } = await imc(['review', '-f', '-', '--dir', folder], { stdin: POD });
    expect(err).toContain(`${folder}/a.yaml:`);
    expect(err).toContain(`${folder}/b.yaml:`);
  });

  it.each([
    { title: 'a folder that is missing', path: 'nowhere', says: 'it does not exist' },
    { title: 'a file in its place', path: 'a.yaml', says: 'it is no directory' },
  ])('$title', async ({ path, says }) => {
    const folder = temporaryFolder({ 'a.yaml': CACHE });
    const { code, err } = await imc(['review', '-f', '-', '--dir', `${folder}/${path}`], { stdin: POD });
    expect(code).toBe(2);
    expect(err).toContain(`Error: ${folder}/${path}: ${says}; `);
  });
});

describe('very many objects', () => {
  it('in one file are only many', async () => {
    // More than a call can have arguments.
    const count = 150_000;
    const { code, out } = await imc(['review', '-f', '-', '--warnings', 'off', '--now', '2026-01-01T00:00:00Z'], {
      stdin: 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n---\n'.repeat(count),
    });
    expect({ code, lines: out.split('\n').length }).toEqual({ code: 0, lines: count + 2 });
  });
});
