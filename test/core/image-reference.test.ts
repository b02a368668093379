import { parseFamiliarName } from '@swimlane/docker-reference';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageReference } from '../../src/core/image-reference.ts';
import { isValidReference, parseImageReference } from '../../src/core/image-reference.ts';
import { DIGEST_A, DIGEST_B, SHA512 } from '../support/digests.ts';

function valid(text: string): ImageReference {
  const parsed = parseImageReference(text);
  if (!isValidReference(parsed)) throw new Error(`${JSON.stringify(text)}: ${parsed.problem}`);
  return parsed;
}

describe('normalisation', () => {
  it.each([
    ["a one-part name is of Docker Hub's library", 'nginx', 'docker.io/library/nginx:latest'],
    ['a tag is kept', 'nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['library may be written out', 'library/nginx', 'docker.io/library/nginx:latest'],
    ['docker.io may be written out', 'docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['both may be written out', 'docker.io/library/nginx:latest', 'docker.io/library/nginx:latest'],
    ['index.docker.io is docker.io', 'index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io with an organisation is docker.io', 'index.docker.io/acme/app:1', 'docker.io/acme/app:1'],
    ['index.docker.io in capitals is docker.io', 'INDEX.Docker.IO/nginx', 'docker.io/library/nginx:latest'],
    ['docker.io in capitals is docker.io', 'Docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['an organisation needs no library', 'acme/app', 'docker.io/acme/app:latest'],
    ['a first part without a dot is no host', 'acme/app/web:1', 'docker.io/acme/app/web:1'],
    ['a first part with a dot is a host', 'ghcr.io/app', 'ghcr.io/app:latest'],
    ['localhost is a host', 'localhost/app', 'localhost/app:latest'],
    ['a port makes a host', 'registry:5000/app', 'registry:5000/app:latest'],
    ['a port is kept beside a tag', 'registry.example.com:8443/a/b/c:v1', 'registry.example.com:8443/a/b/c:v1'],
    ['a port is kept beside a digest', `localhost:5000/app@${DIGEST_A}`, `localhost:5000/app@${DIGEST_A}`],
    ['the default port is a port', 'docker.io:443/nginx', 'docker.io:443/nginx:latest'],
    ['index.docker.io with a port is another host', 'index.docker.io:443/nginx', 'index.docker.io:443/nginx:latest'],
    ['a colon without a slash after it starts a tag', 'localhost:5000', 'docker.io/library/localhost:5000'],
    ['a host is lower-cased', 'GHCR.io/acme/app:V1', 'ghcr.io/acme/app:V1'],
    ['an upper-case first part is a host', 'Acme/app', 'acme/app:latest'],
    ['an address may be a host', '10.0.0.1:5000/app', '10.0.0.1:5000/app:latest'],
    ['an IPv6 address may be a host', '[2001:DB8::1]:5000/app:1', '[2001:db8::1]:5000/app:1'],
    ['an IPv6 address needs no port', '[::1]/app', '[::1]/app:latest'],
    ['the case of a tag is kept', 'nginx:V1_0.a-b', 'docker.io/library/nginx:V1_0.a-b'],
    ['a tag may start with an underscore', 'nginx:_1', 'docker.io/library/nginx:_1'],
    ['a tag may have 128 characters', `nginx:${'t'.repeat(128)}`, `docker.io/library/nginx:${'t'.repeat(128)}`],
    ['a digest needs no tag', `nginx@${DIGEST_A}`, `docker.io/library/nginx@${DIGEST_A}`],
    ['a digest goes before a tag', `nginx:1.27@${DIGEST_A}`, `docker.io/library/nginx@${DIGEST_A}`],
    ['a digest may be sha512', `ghcr.io/a/b@${SHA512}`, `ghcr.io/a/b@${SHA512}`],
    ['all separators of the grammar are legal', 'a.b/c_d/e__f/g-h/i---j', 'a.b/c_d/e__f/g-h/i---j:latest'],
    ['63 hexadecimal digits are a name', 'a'.repeat(63), `docker.io/library/${'a'.repeat(63)}:latest`],
    ['65 hexadecimal digits are a name', 'a'.repeat(65), `docker.io/library/${'a'.repeat(65)}:latest`],
    ['64 hexadecimal digits with a tag are a name', `${'a'.repeat(64)}:1`, `docker.io/library/${'a'.repeat(64)}:1`],
    ['a path may have 255 characters', `a.io/${'x'.repeat(255)}`, `a.io/${'x'.repeat(255)}:latest`],
  ])('spec I1: %s: %s', (_title, text, key) => {
    expect(valid(text).key).toBe(key);
  });

  it.each([
    ['neither tag nor digest', 'nginx', 'latest', undefined],
    ['a tag', 'nginx:1', '1', undefined],
    ['a digest', `nginx@${DIGEST_A}`, undefined, DIGEST_A],
    ['a tag and a digest', `nginx:1@${DIGEST_A}`, '1', DIGEST_A],
  ])('spec I1: a reference with %s keeps what was written', (_title, text, tag, digest) => {
    expect(valid(text)).toMatchObject({ repository: 'docker.io/library/nginx', tag, digest });
  });

  it('spec I1: what looks like a host but cannot be one is the beginning of a path', () => {
    expect(valid('a_b.io/app')).toMatchObject({ repository: 'a_b.io/app', tag: 'latest' });
  });

  it('spec I1: equal texts give equal references, also after a great many others', () => {
    const before = parseImageReference('registry.example.com/team/web:1');
    for (let i = 0; i < 20_000; i += 1) parseImageReference(`other-${i}`);
    expect(parseImageReference('registry.example.com/team/web:1')).toEqual(before);
  });
});

describe('invalid references', () => {
  it.each([
    ['nothing', '', 'it is empty'],
    ['a blank', ' ', 'the repository name must be lower-case'],
    ['a blank before', ' nginx', 'the repository name must be lower-case'],
    ['a blank behind', 'nginx ', 'the repository name must be lower-case'],
    ['a line break behind', 'nginx\n', 'the repository name must be lower-case'],
    ['a line break behind a tag', 'nginx:1\n', 'the tag must be'],
    ['a bare image id', 'd4'.repeat(32), 'a bare 64-digit hexadecimal name'],
    ['an upper-case name', 'Nginx', 'must be lower case'],
    ['an upper-case path', 'acme/App:v1', 'must be lower case'],
    ['an upper-case path behind a host', 'ghcr.io/Acme/app', 'must be lower case'],
    ['an empty tag', 'nginx:', 'the tag must be'],
    ['two tags', 'nginx:v1:v2', 'the tag must be'],
    ['a tag that starts with a dot', 'nginx:.1', 'the tag must be'],
    ['a tag that starts with a dash', 'nginx:-1', 'the tag must be'],
    ['a tag of 129 characters', `nginx:${'t'.repeat(129)}`, 'the tag must be 1 to 128'],
    ['a tag in another script', 'nginx:\u7248', 'the tag must be'],
    ['an empty digest', 'nginx@', 'the digest must be'],
    ['a short digest', 'nginx@sha256:abc', 'the digest must be'],
    ['a digest of 63 digits', `nginx@sha256:${'a'.repeat(63)}`, 'the digest must be'],
    ['a digest of 65 digits', `nginx@sha256:${'a'.repeat(65)}`, 'the digest must be'],
    ['an upper-case digest', `nginx@sha256:${'A'.repeat(64)}`, 'the digest must be'],
    ['an upper-case algorithm', `nginx@SHA256:${'a'.repeat(64)}`, 'the digest must be'],
    ['another algorithm', `nginx@sha384:${'a'.repeat(96)}`, 'the digest must be'],
    ['an old algorithm', `nginx@md5:${'a'.repeat(32)}`, 'the digest must be'],
    ['sha512 with the length of sha256', `nginx@sha512:${'a'.repeat(64)}`, 'the digest must be'],
    ['two digests', `nginx@${DIGEST_A}@${DIGEST_B}`, 'the digest must be'],
    ['a tag behind a digest', `nginx@${DIGEST_A}:1`, 'the digest must be'],
    ['a digest without a name', `@${DIGEST_A}`, 'the repository name must be'],
    ['a tag without a name', ':v1', 'the repository name must be'],
    ['a slash before', '/nginx', 'the repository name must be'],
    ['a slash behind', 'nginx/', 'the repository name must be'],
    ['two slashes', 'a//b', 'the repository name must be'],
    ['a host without a path', 'ghcr.io/', 'the repository name must be'],
    ['a URL', 'https://ghcr.io/acme/app', 'the registry host'],
    ['a port that is no number', 'ghcr.io:port/acme/app', 'the registry host'],
    ['an empty port', 'ghcr.io:/acme/app', 'the registry host'],
    ['a host that starts with a dash', '-a.io/app', 'the registry host'],
    ['a host with an empty part', 'a..io/app', 'the registry host'],
    ['a host with an underscore and a port', 'a_b.io:5000/app', 'the registry host'],
    ['an open bracket', '[::1/app', 'the registry host'],
    ['a separator before', '-nginx', 'the repository name must be'],
    ['a separator behind', 'nginx_', 'the repository name must be'],
    ['two dots', 'ng..inx', 'the repository name must be'],
    ['three underscores', 'ng___inx', 'the repository name must be'],
    ['mixed separators', 'a---.b', 'the repository name must be'],
    ['control characters', 'n\nginx\u0000', 'the repository name must be'],
    ['another script', '\u955c\u50cf/\u5e94\u7528', 'the repository name must be'],
    ['a property of every object', '__proto__', 'the repository name must be'],
    ['a path of 256 characters', `a.io/${'x'.repeat(256)}`, 'longer than 255 characters'],
    ['library making a path too long', 'x'.repeat(248), 'longer than 255 characters'],
    ['a megabyte', 'x'.repeat(1024 * 1024), 'longer than 4096 characters'],
  ])('spec I1: %s is invalid and says why', (_title, text, problem) => {
    const parsed = parseImageReference(text);
    expect(isValidReference(parsed)).toBe(false);
    expect(parsed).toHaveProperty('problem', expect.stringContaining(problem));
  });
});

describe('laws', () => {
  it('spec I1: parsing never throws and gives either a reference or a problem', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ maxLength: 600 }), nearlyReference());
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseImageReference(text);
        return (isValidReference(parsed) ? parsed.key : parsed.problem) !== '';
      }),
      { numRuns: 300 },
    );
  });

  it('spec I1: a key parses to itself', () => {
    fc.assert(
      fc.property(fc.oneof(nearlyReference(), reference()), (text) => {
        const parsed = parseImageReference(text);
        if (!isValidReference(parsed)) return;
        const again = valid(parsed.key);
        expect(again.key).toBe(parsed.key);
        expect(again.repository).toBe(parsed.repository);
      }),
      { numRuns: 1000 },
    );
  });

  it('spec I1: references mean what they mean to the container runtimes', () => {
    fc.assert(
      fc.property(reference(), (text) => {
        const { domain, repository, tag, digest } = parseFamiliarName(text);
        expect(valid(text)).toMatchObject({
          repository: domain === '' ? repository : `${domain}/${repository}`,
          tag: tag ?? (digest === undefined ? 'latest' : undefined),
          digest,
        });
      }),
      { numRuns: 1000 },
    );
  });

  it('spec I1: what the container runtimes refuse is invalid, and nothing else', () => {
    // Short: the patterns of the other parser take exponential time for what they refuse.
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', '0', '.', '_', '-', '/', ':'), maxLength: 12 });
    fc.assert(
      fc.property(texts, (text) => {
        expect(isValidReference(parseImageReference(text))).toBe(isAccepted(text));
      }),
      { numRuns: 1000 },
    );
  });

  function isAccepted(text: string): boolean {
    try {
      parseFamiliarName(text);
      return true;
    } catch {
      return false;
    }
  }

  /** Short texts of the grammar's letters: mostly wrong in one place. */
  function nearlyReference(): fc.Arbitrary<string> {
    return fc
      .array(fc.constantFrom('a', 'b1', '0', '.', '_', '-', '/', ':', 'localhost', 'index.docker.io'), { maxLength: 9 })
      .map((parts) => parts.join(''));
  }

  function reference(): fc.Arbitrary<string> {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '7'), minLength: 1, maxLength: 2 });
    const joined = (separators: readonly string[], maxLength: number): fc.Arbitrary<string> =>
      fc
        .tuple(word, fc.array(fc.tuple(fc.constantFrom(...separators), word), { maxLength }))
        .map(([first, rest]) => first + rest.flat().join(''));
    const port = fc.integer({ min: 1, max: 65_535 });
    const host = fc.oneof(
      fc.constantFrom('localhost', 'docker.io', 'index.docker.io'),
      fc.tuple(joined(['.', '-'], 3), port).map(([name, number]) => `${name}:${number}`),
      joined(['.', '-'], 2).map((name) => `${name}.io`),
    );
    const path = joined(['.', '_', '__', '-', '--', '/'], 5);
    const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}$/);
    const digest = fc.constantFrom(DIGEST_A, DIGEST_B, SHA512);
    return fc
      .tuple(fc.option(host), path, fc.option(tag), fc.option(digest))
      .map(([host, path, tag, digest]) =>
        [
          host === null ? '' : `${host}/`,
          path,
          tag === null ? '' : `:${tag}`,
          digest === null ? '' : `@${digest}`,
        ].join(''),
      );
  }
});
