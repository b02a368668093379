const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/**
 * Whether Kubernetes accepts this as a label key: a name of at most 63 characters, with an optional DNS prefix of at
 * most 253 before a slash.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
 */
export function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  const name = slash < 0 ? key : key.slice(slash + 1);
  if (name.length > 63 || !NAME.test(name)) return false;
  if (slash < 0) return true;
  const prefix = key.slice(0, slash);
  return prefix.length <= 253 && PREFIX.test(prefix);
}

/** Whether Kubernetes accepts this as an annotation key: a label key, save that upper-case letters are let through. */
export function isAnnotationKey(key: string): boolean {
  return isLabelKey(key.toLowerCase());
}

/** Whether Kubernetes accepts this as a label value: empty, or at most 63 characters like a name. */
export function isLabelValue(value: string): boolean {
  return value === '' || (value.length <= 63 && NAME.test(value));
}

/** What all annotations of an object may take together, keys and values, in bytes. */
export const ANNOTATIONS_LIMIT_BYTES = 256 * 1024;
