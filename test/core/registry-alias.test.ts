import { describe, expect, it } from 'vitest';
import { isValidReference, parseImageReference } from '../../src/core/image-reference.ts';
import { aliasKeyOf } from '../../src/core/registry-alias.ts';
import { DIGEST_A } from '../support/digests.ts';

function aliasOf(text: string): string | undefined {
  const parsed = parseImageReference(text);
  if (!isValidReference(parsed)) throw new Error(parsed.problem);
  return aliasKeyOf(parsed);
}

describe('aliasKeyOf', () => {
  it.each([
    [
      'the VPC endpoint',
      'registry-vpc.cn-hangzhou.aliyuncs.com/acme/app:1',
      'registry.cn-hangzhou.aliyuncs.com/acme/app:1',
    ],
    [
      'the internal endpoint',
      'registry-internal.cn-hangzhou.aliyuncs.com/acme/app:1',
      'registry.cn-hangzhou.aliyuncs.com/acme/app:1',
    ],
    [
      'an endpoint in capitals',
      'Registry-VPC.cn-hangzhou.aliyuncs.com/acme/app:1',
      'registry.cn-hangzhou.aliyuncs.com/acme/app:1',
    ],
    ['no tag', 'registry-vpc.cn-hangzhou.aliyuncs.com/acme/app', 'registry.cn-hangzhou.aliyuncs.com/acme/app:latest'],
    [
      'a tag beside a digest',
      `registry-vpc.cn-hangzhou.aliyuncs.com/acme/app:1@${DIGEST_A}`,
      'registry.cn-hangzhou.aliyuncs.com/acme/app:1',
    ],
    [
      'an enterprise VPC endpoint',
      'acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com/team/web:2',
      'acme-registry.cn-hangzhou.cr.aliyuncs.com/team/web:2',
    ],
  ])('spec I4: %s means the public endpoint', (_title, text, same) => {
    expect(aliasOf(text)).toBe(aliasOf(same));
    expect(aliasOf(text)).toBe(same);
  });

  it.each([
    [
      'another region',
      'registry.cn-hangzhou.aliyuncs.com/acme/app:1',
      'registry-vpc.cn-beijing.aliyuncs.com/acme/app:1',
    ],
    ['another tag', 'registry.cn-hangzhou.aliyuncs.com/acme/app:1', 'registry-vpc.cn-hangzhou.aliyuncs.com/acme/app:2'],
    [
      'another path',
      'registry.cn-hangzhou.aliyuncs.com/acme/app:1',
      'registry-vpc.cn-hangzhou.aliyuncs.com/acme/web:1',
    ],
    [
      'another enterprise',
      'a-registry.cn-hangzhou.cr.aliyuncs.com/x:1',
      'b-registry-vpc.cn-hangzhou.cr.aliyuncs.com/x:1',
    ],
    [
      'an enterprise and the common registry',
      'a-registry.cn-hangzhou.cr.aliyuncs.com/x:1',
      'registry.cn-hangzhou.aliyuncs.com/x:1',
    ],
  ])('spec I4: %s is another image', (_title, one, other) => {
    expect(aliasOf(one)).not.toBe(aliasOf(other));
  });

  it.each([
    ['a reference without a tag', `registry.cn-hangzhou.aliyuncs.com/acme/app@${DIGEST_A}`],
    ['another registry', 'ghcr.io/acme/app:1'],
    ['Docker Hub', 'nginx:1'],
    ['an endpoint with a port', 'registry.cn-hangzhou.aliyuncs.com:443/acme/app:1'],
    ['a look-alike host', 'registry.cn-hangzhou.aliyuncs.com.evil.io/acme/app:1'],
    ['the name in a path', 'ghcr.io/registry.cn-hangzhou.aliyuncs.com/app:1'],
    ['another service of the vendor', 'oss.cn-hangzhou.aliyuncs.com/acme/app:1'],
  ])('spec I4: %s has no alias', (_title, text) => {
    expect(aliasOf(text)).toBeUndefined();
  });
});
