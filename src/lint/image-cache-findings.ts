import type { FindingDefinition } from './finding-definition.ts';
import { cacheExample, podExample, readyCacheExample } from './finding-definition.ts';

const GOOD = cacheExample('images: ["nginx:1.27.0"]');

function recorded(gib: number): string {
  return `phase: Creating, images: [{name: "nginx:1.27.0", sizeBytes: ${gib * 2 ** 30}}]`;
}

/** Findings about ImageCaches (spec sections 4 and 8). */
export const IMAGE_CACHE_FINDINGS = {
  IMC201: {
    severity: 'error',
    title: 'a field of an ImageCache is missing or has the wrong type',
    why: 'The API server refuses the object.',
    remedy: 'give the field the type that is expected',
    example: { bad: cacheExample('images: ["nginx:1.27.0"], imageCacheSize: "20"'), good: GOOD },
  },
  IMC202: {
    severity: 'warning',
    title: 'an ImageCache has a field in its spec that is not known',
    why: 'The API server drops it without a word. Mostly it is misspelt.',
    remedy: 'remove or rename it; known are images, imagePullSecrets, imageCacheSize and retentionDays',
    example: {
      bad: cacheExample('images: ["nginx:1.27.0"], imageCacheSizes: 40'),
      good: cacheExample('images: ["nginx:1.27.0"], imageCacheSize: 40'),
    },
  },
  IMC203: {
    severity: 'error',
    title: 'a number in an ImageCache is out of its range',
    why: 'The schema lets it pass, but ECI refuses to build the cache: 1 to 20 images, 20 to 32768 GiB, 1 to 65536 days.',
    remedy: 'choose a value within the range; split a longer list of images over several caches',
    example: { bad: cacheExample('images: ["nginx:1.27.0"], imageCacheSize: 10'), good: GOOD },
  },
  IMC204: {
    severity: 'error',
    title: 'an image pull secret of an ImageCache is not written as namespace:name',
    why: 'An ImageCache belongs to no namespace, so the secret is not found and private images cannot be pulled.',
    remedy: 'write the namespace of the Secret, a colon and its name',
    example: {
      bad: cacheExample('images: ["nginx:1.27.0"], imagePullSecrets: [registry]'),
      good: cacheExample('images: ["nginx:1.27.0"], imagePullSecrets: ["web:registry"]'),
    },
  },
  IMC205: {
    severity: 'error',
    title: 'an image of an ImageCache is no valid reference',
    why: 'It cannot be pulled, so the cache is never built; it matches no pod.',
    remedy: 'write [host/]path[:tag][@digest], as in a pod',
    example: { bad: cacheExample('images: ["Nginx:1.27.0"]'), good: GOOD },
  },
  IMC206: {
    severity: 'warning',
    title: 'an image of an ImageCache has a tag that moves',
    why: 'The cache keeps what the tag stood for on the day it was built. Pods go on matching it after the tag has moved.',
    remedy: 'name a fixed version or a digest',
    example: { bad: cacheExample('images: ["nginx:latest"]'), good: GOOD },
  },
  IMC207: {
    severity: 'warning',
    title: 'an ImageCache lists the same image twice',
    why: 'Different spellings can name one image. It counts against the limit of 20 twice and holds nothing more.',
    remedy: 'remove one of the two',
    example: { bad: cacheExample('images: ["nginx:1.27.0", "docker.io/library/nginx:1.27.0"]'), good: GOOD },
  },
  IMC208: {
    severity: 'warning',
    title: 'an ImageCache is smaller than twice its images',
    why: 'Images are unpacked while the cache is built. With less than twice their size the build can run out of space.',
    remedy: 'raise spec.imageCacheSize',
    example: {
      bad: cacheExample('images: ["nginx:1.27.0"], imageCacheSize: 20', 'name: web', recorded(15)),
      good: cacheExample('images: ["nginx:1.27.0"], imageCacheSize: 30', 'name: web', recorded(15)),
    },
  },
  IMC209: {
    severity: 'error',
    title: 'an ImageCache names a CPU architecture or operating system that there is not',
    why: 'Caches are built for amd64 or arm64, linux or windows. With any other word no pod ever matches the cache.',
    remedy: 'write amd64 or arm64, linux or windows',
    example: {
      bad: cacheExample('images: ["nginx:1.27.0"]', 'name: web, annotations: {k8s.aliyun.com/imc-cpu-arch: aarch64}'),
      good: cacheExample('images: ["nginx:1.27.0"]', 'name: web, annotations: {k8s.aliyun.com/imc-cpu-arch: arm64}'),
    },
  },
  IMC210: {
    severity: 'error',
    title: 'an ImageCache has an apiVersion that ECI does not serve',
    why: 'The cluster knows ImageCaches as eci.alibabacloud.com/v1 only, so applying this object fails.',
    remedy: 'write apiVersion: eci.alibabacloud.com/v1',
    example: { bad: GOOD.replace('/v1\n', '/v1beta1\n'), good: GOOD },
  },
  IMC211: {
    severity: 'warning',
    title: 'the recorded images of an ImageCache cannot be read',
    why: 'The annotation imc-webhook/images counts only as a JSON array of objects with a name. Sizes and digests are lost.',
    remedy: 'write [{"name": …, "digest": …, "sizeBytes": …}]',
    example: {
      bad: cacheExample('images: ["nginx:1.27.0"]', "name: web, annotations: {imc-webhook/images: 'nginx'}"),
      good: cacheExample(
        'images: ["nginx:1.27.0"]',
        `name: web, annotations: {imc-webhook/images: '[{"name":"nginx:1.27.0","sizeBytes":7}]'}`,
      ),
    },
  },
  IMC212: {
    severity: 'warning',
    title: 'two usable ImageCaches hold the same images',
    why: 'The newer one always wins, so the older one only costs money.',
    remedy: 'delete the older one once no pod names it',
    example: {
      bad: `${readyCacheExample('"nginx:1.27.0"')}---\n${readyCacheExample('"nginx:1.27.0"', 'again')}`,
      good: `${readyCacheExample('"nginx:1.27.0"')}---\n${readyCacheExample('"nginx:1.27.1"', 'again')}`,
    },
  },
  IMC213: {
    severity: 'info',
    title: 'no pod of the workloads given would use an ImageCache',
    why: 'If these are all the workloads there are, the cache only costs money.',
    remedy: 'delete it if no other workload needs it',
    example: {
      bad: `${readyCacheExample('"redis:7.2.4"', 'redis')}---\n${podExample('')}`,
      good: `${readyCacheExample('"nginx:1.27.0"')}---\n${podExample('')}`,
    },
  },
} as const satisfies Readonly<Record<string, FindingDefinition>>;
