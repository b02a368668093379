/**
 * A label key as Kubernetes accepts it: a name of at most 63 characters, with an optional DNS prefix of at most 253
 * before a slash.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
 */
export const LABEL_KEY =
  /^(?:(?=[^/]{1,253}\/)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/**
 * An annotation key: a label key, save that upper-case letters are let through. Kubernetes looks at the key in lower case,
 * so the sign for Kelvin (U+212A) passes for a letter, too.
 */
export const ANNOTATION_KEY =
  /^(?:(?=[^/]{1,253}\/)[A-Za-z0-9\u212a](?:[-A-Za-z0-9\u212a]*[A-Za-z0-9\u212a])?(?:\.[A-Za-z0-9\u212a](?:[-A-Za-z0-9\u212a]*[A-Za-z0-9\u212a])?)*\/)?[A-Za-z0-9\u212a](?:[-A-Za-z0-9\u212a_.]{0,61}[A-Za-z0-9\u212a])?$/;

/** A label value: empty, or at most 63 characters like a name. */
export const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Whether Kubernetes accepts this as a label key. */
export function isLabelKey(key: string): boolean {
  return LABEL_KEY.test(key);
}

/** Whether Kubernetes accepts this as an annotation key. */
export function isAnnotationKey(key: string): boolean {
  return ANNOTATION_KEY.test(key);
}

/** Whether Kubernetes accepts this as a label value. */
export function isLabelValue(value: string): boolean {
  return LABEL_VALUE.test(value);
}

/** What all annotations of an object may take together, keys and values, in bytes. */
export const ANNOTATIONS_LIMIT_BYTES = 256 * 1024;
