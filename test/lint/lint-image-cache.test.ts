import { describe, expect, it } from 'vitest';
import { brief, lintText } from './lint-files.ts';

/** An ImageCache with this on line 4, and more on the lines below. */
function cache(spec: string, metadata = 'name: web', more = ''): string {
  return `apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {${metadata}}\nspec: ${spec}\n${more}`;
}

describe('ImageCaches by themselves (spec section 8)', () => {
  const GOOD = '{images: [a:1]}';

  it.each<{ spec: string; found: string[] }>([
    { spec: GOOD, found: [] },
    { spec: '{images: [a:1], imageCacheSize: 20, retentionDays: 1, imagePullSecrets: ["n:s"]}', found: [] },
    { spec: '{images: [a:1], imageCacheSize: 32768, retentionDays: 65536, imagePullSecrets: []}', found: [] },
    { spec: '{images: [a:1], imageCacheSize: null, retentionDays: null, imagePullSecrets: null}', found: [] },
    { spec: '', found: ['4:7 IMC201 spec is no mapping'] },
    { spec: '[]', found: ['4:7 IMC201 spec is no mapping'] },
    { spec: '{}', found: ['4:7 IMC201 the ImageCache has no spec.images'] },
    { spec: '{images: a}', found: ['4:16 IMC201 spec.images is no list'] },
    { spec: '{images: []}', found: ['4:8 IMC203 the ImageCache has 0 images; 1 to 20 are allowed'] },
    {
      spec: '{images: [7, {a: b}, a:1]}',
      found: ['4:17 IMC201 spec.images[0] is no text', '4:20 IMC201 spec.images[1] is no text'],
    },
    {
      spec: '{images: [a:1], imageCacheSize: 19}',
      found: ['4:39 IMC203 spec.imageCacheSize is 19 GiB; 20 to 32768 are allowed'],
    },
    {
      spec: '{images: [a:1], imageCacheSize: 32769}',
      found: ['4:39 IMC203 spec.imageCacheSize is 32769 GiB; 20 to 32768 are allowed'],
    },
    {
      spec: '{images: [a:1], retentionDays: 0}',
      found: ['4:38 IMC203 spec.retentionDays is 0 days; 1 to 65536 are allowed'],
    },
    {
      spec: '{images: [a:1], retentionDays: 65537}',
      found: ['4:38 IMC203 spec.retentionDays is 65537 days; 1 to 65536 are allowed'],
    },
    {
      spec: '{images: [a:1], retentionDays: 1.5}',
      found: ['4:38 IMC201 spec.retentionDays is no whole number of days'],
    },
    {
      spec: '{images: [a:1], imageCacheSize: "20"}',
      found: ['4:39 IMC201 spec.imageCacheSize is no whole number of GiB'],
    },
    {
      spec: '{images: [a:1], imageCacheSize: 20Gi}',
      found: ['4:39 IMC201 spec.imageCacheSize is no whole number of GiB'],
    },
    { spec: '{images: [a:1], imagePullSecrets: a}', found: ['4:41 IMC201 spec.imagePullSecrets is no list'] },
    {
      spec: '{images: [a:1], imagePullSecrets: [{name: a}]}',
      found: ['4:42 IMC201 spec.imagePullSecrets[0] is no text'],
    },
    {
      spec: '{images: [a:1], imagePullSecrets: [a]}',
      found: ['4:42 IMC204 the pull secret "a" is not written as namespace:name'],
    },
    {
      spec: '{images: [a:1], imagePullSecrets: ["a/b", "a:b:c", ":b", "a:"]}',
      found: ['4:42', '4:49', '4:58', '4:64'].map(
        (at, i) => `${at} IMC204 the pull secret "${['a/b', 'a:b:c', ':b', 'a:'][i]}" is not written as namespace:name`,
      ),
    },
    {
      spec: '{images: [a:1], imageCachesize: 20}',
      found: ['4:23 IMC202 spec.imageCachesize is no field of an ImageCache'],
    },
    {
      spec: '{images: [A:1, "a:"]}',
      found: [
        '4:17 IMC205 "A:1" is no image reference: the repository name must be lower case',
        expect.stringMatching(/^4:22 IMC205 "a:" is no image reference: the tag must/) as string,
      ],
    },
    { spec: '{images: [a]}', found: ['4:17 IMC206 the tag latest of a moves, and the cache does not follow'] },
    {
      spec: '{images: [a:nightly]}',
      found: ['4:17 IMC206 the tag nightly of a:nightly moves, and the cache does not follow'],
    },
    { spec: `{images: ["a:latest@sha256:${'0'.repeat(64)}"]}`, found: [] },
    { spec: '{images: [a:1, b:1, a:1]}', found: ['4:27 IMC207 a:1 is listed above'] },
    {
      spec: '{images: [a:1, index.docker.io/library/a:1]}',
      found: ['4:22 IMC207 index.docker.io/library/a:1 is the same image as a:1'],
    },
    { spec: '{images: [a:1, a:2, b/a:1, example.com/a:1]}', found: [] },
  ])('$spec', ({ spec, found }) => {
    expect(brief(lintText(cache(spec)))).toEqual(found);
  });

  it('20 images are allowed, 21 are not', () => {
    const images = (count: number): string =>
      `{images: [${Array.from({ length: count }, (_, i) => `a:${i}`).join(', ')}]}`;
    expect(brief(lintText(cache(images(20))))).toEqual([]);
    expect(brief(lintText(cache(images(21))))).toEqual([
      '4:8 IMC203 the ImageCache has 21 images; 1 to 20 are allowed',
    ]);
  });

  it.each<{ metadata: string; found: string[] }>([
    {
      metadata: 'name: web, annotations: {k8s.aliyun.com/imc-cpu-arch: amd64, k8s.aliyun.com/imc-os-type: windows}',
      found: [],
    },
    {
      metadata: 'name: web, annotations: {k8s.aliyun.com/imc-cpu-arch: ARM64}',
      found: ['3:66 IMC209 k8s.aliyun.com/imc-cpu-arch is "ARM64"; there are amd64 and arm64'],
    },
    {
      metadata: 'name: web, annotations: {k8s.aliyun.com/imc-os-type: Linux}',
      found: ['3:65 IMC209 k8s.aliyun.com/imc-os-type is "Linux"; there are linux and windows'],
    },
    {
      metadata: "name: web, annotations: {imc-webhook/images: '['}",
      found: ['3:57 IMC211 imc-webhook/images is no JSON'],
    },
    {
      metadata: "name: web, annotations: {imc-webhook/images: '{}'}",
      found: ['3:57 IMC211 imc-webhook/images is no JSON array'],
    },
    {
      metadata: `name: web, annotations: {imc-webhook/images: '[{"name":"a:1"},{"image":"b"}]'}`,
      found: ['3:57 IMC211 imc-webhook/images names no valid image in item 2'],
    },
    { metadata: `name: web, annotations: {imc-webhook/images: '[{"name":"a:1"}]'}`, found: [] },
    { metadata: 'generateName: web-', found: ['3:11 IMC201 metadata.name: an ImageCache needs a name'] },
    { metadata: 'labels: {}', found: ['3:11 IMC002 the ImageCache has no name'] },
    { metadata: 'name: web, labels: {a: 1}', found: ['3:35 IMC004 the label a is a number, not a text'] },
    { metadata: 'name: web, labels: [a]', found: ['3:31 IMC002 metadata.labels is no mapping of keys to texts'] },
    {
      metadata: 'name: web, annotations: {k8s.aliyun.com/eci-imc-id: imc-1}',
      found: ['3:37 IMC301 k8s.aliyun.com/eci-imc-id does nothing on an ImageCache; pods do not inherit it'],
    },
  ])('metadata: {$metadata}', ({ metadata, found }) => {
    expect(brief(lintText(cache(GOOD, metadata)))).toEqual(found);
  });

  it.each([
    { apiVersion: 'eci.alibabacloud.com/v1', found: [] },
    { apiVersion: 'eci.alibabacloud.com/v1beta1', found: ['IMC210'] },
    { apiVersion: 'eci.aliyun.com/v1', found: ['IMC210'] },
    { apiVersion: 'kubefledged.io/v1alpha2', found: [] },
  ])('apiVersion: $apiVersion', ({ apiVersion, found }) => {
    const text = cache('{images: [a:1]}').replace('eci.alibabacloud.com/v1', apiVersion);
    expect(lintText(text).map(({ code }) => code)).toEqual(found);
  });

  it('says nothing of ImageCaches of other products', () => {
    const text = cache('{cacheSpec: [{images: [A]}]}').replace('eci.alibabacloud.com/v1', 'kubefledged.io/v1alpha2');
    expect(lintText(text)).toEqual([]);
  });
});

describe('sizes (spec C3)', () => {
  const recorded = (gib: number): string =>
    `status: {phase: Ready, images: [{name: "a:1", sizeBytes: ${gib * 2 ** 30}}]}\n`;

  it.each<{ title: string; spec: string; status: string; found: string[] }>([
    { title: 'half of it', spec: '{images: [a:1], imageCacheSize: 40}', status: recorded(20), found: [] },
    {
      title: 'more than half',
      spec: '{images: [a:1], imageCacheSize: 40}',
      status: recorded(20.5),
      found: ['4:39 IMC208 its images take 20.5 GiB, and the cache has 40 GiB, less than twice that'],
    },
    {
      title: 'more than half of the default',
      spec: '{images: [a:1]}',
      status: recorded(11),
      found: ['4:7 IMC208 its images take 11.0 GiB, and the cache has 20 GiB, less than twice that'],
    },
    {
      title: 'one image listed twice counts once',
      spec: '{images: [a:1, "docker.io/library/a:1"]}',
      status: recorded(9),
      found: ['4:22 IMC207 docker.io/library/a:1 is the same image as a:1'],
    },
    { title: 'nothing known', spec: '{images: [a:2]}', status: recorded(99), found: [] },
  ])('$title', ({ spec, status, found }) => {
    expect(brief(lintText(cache(spec, 'name: web', status)))).toEqual(found);
  });

  it('those of other caches count, of --dir too', () => {
    const other = cache('{images: [a:1], imageCacheSize: 100}', 'name: other', recorded(15));
    expect(lintText(cache('{images: [a:1]}'), other).map(({ code }) => code)).toEqual(['IMC208']);
  });
});

describe('objects defined twice', () => {
  it.each<{ title: string; texts: string[]; found: string[] }>([
    {
      title: 'the same name',
      texts: [cache('{images: [a:1]}'), cache('{images: [b:1]}')],
      found: ['8:18 IMC003 ImageCache/web is defined in a.yaml:3 already'],
    },
    { title: 'another name', texts: [cache('{images: [a:1]}'), cache('{images: [b:1]}', 'name: other')], found: [] },
    {
      title: 'another kind',
      texts: [cache('{images: [a:1]}'), 'apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n'],
      found: [],
    },
    {
      title: 'another namespace',
      texts: ['a', 'b'].map(
        (namespace) => `apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: ${namespace}}\n`,
      ),
      found: [],
    },
    {
      title: 'another version of the same group',
      texts: ['v1', 'v1beta1'].map((version) => `apiVersion: batch/${version}\nkind: CronJob\nmetadata: {name: web}\n`),
      found: ['7:18 IMC003 CronJob/web is defined in a.yaml:3 already'],
    },
    {
      title: 'settings of tools',
      texts: ['a', 'b'].map(
        () => 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: x}\n',
      ),
      found: [],
    },
    {
      title: 'without a name',
      texts: ['a', 'b'].map(() => 'apiVersion: v1\nkind: Event\nmetadata: {generateName: x-}\n'),
      found: [],
    },
  ])('$title', ({ texts, found }) => {
    expect(brief(lintText(texts.join('---\n')))).toEqual(found);
  });
});

describe('ImageCaches beside each other', () => {
  const status = (more = '', phase = 'Ready'): string => `status: {phase: ${phase}, imageCacheId: imc-1${more}}\n`;
  const digest = (digit: string): string => `, images: [{name: "a:1", digest: "sha256:${digit.repeat(64)}"}]`;
  const named = (name: string, time: string, more = ''): string =>
    `name: ${name}, creationTimestamp: "2026-01-0${time}T00:00:00Z"${more}`;
  const found = (...texts: readonly string[]): readonly string[] => brief(lintText(texts.join('---\n')));

  const OLD = cache('{images: [a:1, b:1]}', named('old', '1'), status());

  it.each<{ title: string; other: string; isTwin: boolean }>([
    { title: 'the same images', other: cache('{images: [a:1, b:1]}', named('new', '2'), status()), isTwin: true },
    {
      title: 'in another order and spelling',
      other: cache('{images: ["docker.io/library/b:1", a:1]}', named('new', '2'), status()),
      isTwin: true,
    },
    { title: 'one more', other: cache('{images: [a:1, b:1, c:1]}', named('new', '2'), status()), isTwin: false },
    {
      title: 'not usable',
      other: cache('{images: [a:1, b:1]}', named('new', '2'), status('', 'Creating')),
      isTwin: false,
    },
    {
      title: 'expired',
      other: cache('{images: [a:1, b:1]}', named('new', '2'), status(', expireDateTime: "2026-01-10T00:00:00Z"')),
      isTwin: false,
    },
    {
      title: 'for another platform',
      other: cache(
        '{images: [a:1, b:1]}',
        named('new', '2', ', annotations: {k8s.aliyun.com/imc-cpu-arch: arm64}'),
        status(),
      ),
      isTwin: false,
    },
    {
      title: 'private to a namespace',
      other: cache('{images: [a:1, b:1]}', named('new', '2', ', labels: {imc-webhook/namespace: web}'), status()),
      isTwin: false,
    },
  ])('$title: $isTwin', ({ other, isTwin }) => {
    const expected = isTwin ? ['3:18 IMC212 old holds the same images as new, which goes before it'] : [];
    expect(found(OLD, other)).toEqual(expected);
  });

  it('the same tag with another digest is another image', () => {
    const a = cache('{images: [a:1]}', named('old', '1'), status(digest('a')));
    expect(found(a, cache('{images: [a:1]}', named('new', '2'), status(digest('b'))))).toEqual([]);
    expect(found(a, cache('{images: [a:1]}', named('new', '2'), status(digest('a'))))).toHaveLength(1);
  });

  it('the name decides between caches of one age, as the ranking does (M4)', () => {
    const one = cache('{images: [a:1]}', named('b', '1'), status());
    const two = cache('{images: [a:1]}', named('a', '1'), status());
    expect(found(one, two)).toEqual(['3:18 IMC212 b holds the same images as a, which goes before it']);
  });

  it('is told of what is linted only', () => {
    const newer = cache('{images: [a:1, b:1]}', named('new', '2'), status());
    expect(lintText(OLD, newer).map(({ code }) => code)).toEqual(['IMC212']);
    expect(lintText(newer, OLD)).toEqual([]);
  });
});
