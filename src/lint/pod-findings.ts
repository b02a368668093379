import type { FindingDefinition } from './finding-definition.ts';
import { cacheExample, podExample, readyCacheExample } from './finding-definition.ts';

const READY = readyCacheExample('"nginx:1.27.0"');
const TWO = '{name: web, image: "nginx:1.27.0"}, {name: log, image: "busybox:1.36.1"}';
const PINNED = podExample('k8s.aliyun.com/eci-imc-id: imc-2ze0web');

function deploymentExample(own: string, template: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {${own}}
spec:
  template:
    metadata:
      annotations: {${template}}
    spec: {containers: [{name: web, image: "nginx:1.27.0"}]}
`;
}

/** Findings about the annotations of pods, pod templates and effects of rules (spec sections 1 and 5). */
export const ANNOTATION_FINDINGS = {
  IMC301: {
    severity: 'error',
    title: 'an annotation or label stands where nobody reads it',
    why:
      'The keys of image caches count only as annotations of the pod itself, for a workload those of its pod template. On ' +
      'a Deployment, a Service or a Namespace, or as a label, they do nothing, and nothing tells you.',
    remedy: 'move it to where it counts',
    example: {
      bad: deploymentExample('k8s.aliyun.com/imc-perfect-match: "true"', ''),
      good: deploymentExample('', 'k8s.aliyun.com/imc-perfect-match: "true"'),
    },
  },
  IMC302: {
    severity: 'error',
    title: 'an annotation or label has a value that counts as absent',
    why: 'Booleans are true or false, a count is a whole number from 1, a pin is an id. Anything else does nothing.',
    remedy: 'write a value that counts',
    example: {
      bad: podExample('k8s.aliyun.com/eci-auto-imc: "yes"'),
      good: podExample('k8s.aliyun.com/eci-auto-imc: "true"'),
    },
  },
  IMC303: {
    severity: 'warning',
    title: 'an annotation has a name from earlier days',
    why: 'It is read only where the modern key is absent, and may not be read for ever.',
    remedy: 'use the modern key: eci-auto-imc, eci-imc-id',
    example: {
      bad: podExample('k8s.aliyun.com/eci-image-cache: "true"'),
      good: podExample('k8s.aliyun.com/eci-auto-imc: "true"'),
    },
  },
  IMC304: {
    severity: 'error',
    title: 'a pin holds the name of an ImageCache instead of its id',
    why: 'ECI finds no cache under this id and fails the pod.',
    remedy: 'write status.imageCacheId of the cache',
    example: { bad: `${READY}---\n${podExample('k8s.aliyun.com/eci-imc-id: web')}`, good: `${READY}---\n${PINNED}` },
  },
  IMC305: {
    severity: 'warning',
    title: 'a pin names an ImageCache that is not known',
    why:
      'ECI fails a pod whose pinned cache does not exist. The region may hold caches that are no objects of the cluster. ' +
      'It is looked for only if ImageCaches are given.',
    remedy: 'correct the id, or remove the pin to get the best cache',
    example: {
      bad: `${READY}---\n${podExample('k8s.aliyun.com/eci-imc-id: imc-2ze0gone')}`,
      good: `${READY}---\n${PINNED}`,
    },
  },
  IMC306: {
    severity: 'warning',
    title: 'a pin names an ImageCache that does not work now',
    why: 'ECI fails a pod whose pinned cache is not Ready. A pin of a rule is left out.',
    remedy: 'wait until it is Ready, or pin another cache',
    example: {
      bad: `${cacheExample('images: ["nginx:1.27.0"]', 'name: web', 'phase: Creating, imageCacheId: imc-2ze0web')}---\n${PINNED}`,
      good: `${READY}---\n${PINNED}`,
    },
  },
  IMC307: {
    severity: 'warning',
    title: 'a pin stands beside eci-auto-imc',
    why: 'The pin beats automatic mode, be it on or off.',
    remedy: 'keep one of the two',
    example: {
      bad: podExample('k8s.aliyun.com/eci-imc-id: imc-2ze0web, k8s.aliyun.com/eci-auto-imc: "true"'),
      good: PINNED,
    },
  },
  IMC308: {
    severity: 'warning',
    title: 'a restriction stands beside a pin, or where automatic mode is off',
    why: 'imc-perfect-match and imc-match-count-request restrict automatic mode only; here they are ignored.',
    remedy: 'remove the restriction, or what makes it idle',
    example: {
      bad: podExample('k8s.aliyun.com/eci-imc-id: imc-2ze0web, k8s.aliyun.com/imc-perfect-match: "true"'),
      good: podExample('k8s.aliyun.com/imc-perfect-match: "true"'),
    },
  },
  IMC309: {
    severity: 'warning',
    title: 'imc-match-count-request stands beside imc-perfect-match',
    why: 'If every image must match, a number of images asks for nothing more: imc-perfect-match alone decides.',
    remedy: 'remove one of the two',
    example: {
      bad: podExample('k8s.aliyun.com/imc-perfect-match: "true", k8s.aliyun.com/imc-match-count-request: "1"'),
      good: podExample('k8s.aliyun.com/imc-match-count-request: "1"'),
    },
  },
  IMC310: {
    severity: 'warning',
    title: 'imc-match-count-request asks for more images than the pod has',
    why: 'No ImageCache can satisfy it, so none is ever used. Equal images count once.',
    remedy: 'ask for fewer, or use imc-perfect-match to ask for all',
    example: {
      bad: podExample('k8s.aliyun.com/imc-match-count-request: "3"', TWO),
      good: podExample('k8s.aliyun.com/imc-match-count-request: "2"', TWO),
    },
  },
} as const satisfies Readonly<Record<string, FindingDefinition>>;

/** Findings about the images of workloads, and which cache they would get (spec sections 4 and 5). */
export const COVERAGE_FINDINGS = {
  IMC401: {
    severity: 'error',
    title: 'an image of a pod is no valid reference',
    why: 'The kubelet refuses it (InvalidImageName), and it matches no ImageCache.',
    remedy: 'write [host/]path[:tag][@digest]',
    example: { bad: podExample('', '{name: web, image: "Nginx:1.27.0"}'), good: podExample('') },
  },
  IMC402: {
    severity: 'warning',
    title: 'an image of a pod on ECI has a tag that moves',
    why: 'A cache of it grows old without notice, and no cache is created for it.',
    remedy: 'name a fixed version or a digest',
    example: { bad: podExample('', '{name: web, image: "nginx:latest"}'), good: podExample('') },
  },
  IMC403: {
    severity: 'warning',
    title: 'a cached image is asked for at the registry all the same',
    why: 'imagePullPolicy Always goes to the registry for every start. It is the default for the tag latest.',
    remedy: 'use imagePullPolicy IfNotPresent and a fixed tag',
    example: {
      bad: `${READY}---\n${podExample('', '{name: web, image: "nginx:1.27.0", imagePullPolicy: Always}')}`,
      good: `${READY}---\n${podExample('', '{name: web, image: "nginx:1.27.0", imagePullPolicy: IfNotPresent}')}`,
    },
  },
  IMC404: {
    severity: 'warning',
    title: 'no usable ImageCache holds any image of a workload',
    why: 'Its pods pull everything when they start. It is looked for only if ImageCaches are given.',
    remedy: 'make an ImageCache of its images',
    example: {
      bad: `${readyCacheExample('"redis:7.2.4"', 'redis')}---\n${podExample('')}`,
      good: `${READY}---\n${podExample('')}`,
    },
  },
  IMC405: {
    severity: 'info',
    title: 'no usable ImageCache holds all images of a workload',
    why: 'Its pods pull the others when they start. It is looked for only if ImageCaches are given.',
    remedy: 'make an ImageCache of all its images',
    example: { bad: `${READY}---\n${podExample('', TWO)}`, good: `${READY}---\n${podExample('')}` },
  },
  IMC406: {
    severity: 'warning',
    title: 'no usable ImageCache satisfies the restriction of a workload',
    why: 'Its pods ask for more cached images than any cache holds, so they get none and pull everything.',
    remedy: 'make an ImageCache of all its images, or ask for less',
    example: {
      bad: `${READY}---\n${podExample('k8s.aliyun.com/imc-perfect-match: "true"', TWO)}`,
      good: `${READY}---\n${podExample('k8s.aliyun.com/imc-perfect-match: "true"')}`,
    },
  },
} as const satisfies Readonly<Record<string, FindingDefinition>>;
