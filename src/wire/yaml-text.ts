import { stringify } from 'yaml';

/** An object as a YAML document, the way kubectl prints: block style, no line folding, no anchors. */
export function toYaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });
}
