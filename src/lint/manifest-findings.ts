import type { FindingDefinition } from './finding-definition.ts';
import { cacheExample, podExample, readyCacheExample } from './finding-definition.ts';

/** Findings about files and objects of any kind. */
export const MANIFEST_FINDINGS = {
  IMC001: {
    severity: 'error',
    title: 'the file cannot be read',
    why: 'Nothing in this file was checked, and it cannot be applied either. The exit code is 2.',
    remedy: 'correct it at the place named',
    example: {
      bad: 'apiVersion: v1\nkind: Pod\nmetadata: {name: web\n',
      good: 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n',
    },
  },
  IMC002: {
    severity: 'error',
    title: 'the object is not one that the API server takes',
    why: 'An apiVersion, a kind or a name is missing, or a field has the wrong type. Applying the file fails.',
    remedy: 'give the field the type that is expected',
    example: {
      bad: 'apiVersion: v1\nmetadata: {name: web}\nspec: {containers: [{name: web, image: "nginx:1.27.0"}]}\n',
      good: 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: "nginx:1.27.0"}]}\n',
    },
  },
  IMC003: {
    severity: 'warning',
    title: 'an object is defined twice',
    why: 'Whichever is applied last replaces the other, so one of the two never counts.',
    remedy: 'remove one of the two, or rename it',
    example: {
      bad: `${cacheExample('images: ["nginx:1.27.0"]')}---\n${cacheExample('images: ["redis:7.2.4"]')}`,
      good: `${cacheExample('images: ["nginx:1.27.0"]')}---\n${cacheExample('images: ["redis:7.2.4"]', 'name: redis')}`,
    },
  },
  IMC004: {
    severity: 'error',
    title: 'a label, an annotation or another text is not written as a text',
    why:
      'Labels, annotations and node selectors are texts. Without quotes `true`, `on` and `2` are booleans and numbers, ' +
      'and the API server refuses the object.',
    remedy: 'put the value in quotes',
    example: {
      bad: podExample('k8s.aliyun.com/eci-auto-imc: true'),
      good: podExample('k8s.aliyun.com/eci-auto-imc: "true"'),
    },
  },
  IMC005: {
    severity: 'warning',
    title: 'kubectl reads a value differently from what it looks like',
    why:
      'kubectl and Helm speak YAML 1.1, in which `yes`, `on`, `off` and `n` are booleans, `0777` is an octal number and ' +
      '`1_000` is 1000. YAML 1.2, which editors and this program speak, has texts and decimal numbers there.',
    remedy: 'put a text in quotes; write a boolean as true or false, and a number in plain decimal digits',
    example: {
      bad: podExample('', '{name: web, image: "nginx:1.27.0", args: [--append, yes]}'),
      good: podExample('', '{name: web, image: "nginx:1.27.0", args: [--append, "yes"]}'),
    },
  },
  IMC006: {
    severity: 'warning',
    title: 'a comment asks to ignore a code that does not exist',
    why: 'The comment does nothing, so the finding it was written for comes back.',
    remedy: 'name codes of `imc lint --list`, as in `# imc-lint: ignore IMC206`',
    example: {
      bad: readyCacheExample('"nginx:1.27.0"').replace('\nkind', ' # imc-lint: ignore IMC999\nkind'),
      good: readyCacheExample('"nginx:1.27.0"').replace('\nkind', ' # imc-lint: ignore IMC213\nkind'),
    },
  },
} as const satisfies Readonly<Record<string, FindingDefinition>>;
