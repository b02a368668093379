import type { ImageReference } from './image-reference.ts';

const PUBLIC_HOST = /^registry(?:-vpc|-internal)?(\.[a-z0-9-]+(?:\.cr)?\.aliyuncs\.com)$/;
const ENTERPRISE_HOST = /^([a-z0-9-]+-registry)(?:-vpc)?(\.[a-z0-9-]+(?:\.cr)?\.aliyuncs\.com)$/;

/**
 * What references behind the public, VPC and internal endpoints of one Alibaba Cloud registry have in common: path and
 * tag behind the public endpoint's name (spec I4). `undefined` for other registries and for references without a tag.
 */
export function aliasKeyOf(reference: ImageReference): string | undefined {
  const { repository, tag } = reference;
  if (tag === undefined || !repository.includes('.aliyuncs.com/')) return undefined;
  const slash = repository.indexOf('/');
  const host = repository.slice(0, slash);
  const path = repository.slice(slash);
  const common = PUBLIC_HOST.exec(host);
  if (common !== null) return `registry${common[1]}${path}:${tag}`;
  const enterprise = ENTERPRISE_HOST.exec(host);
  return enterprise === null ? undefined : `${enterprise[1]}${enterprise[2]}${path}:${tag}`;
}
