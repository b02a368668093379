import { RecentMap } from './recent-map.ts';

/**
 * A valid image reference in the normal form of the container runtimes (spec I1).
 *
 * @see https://github.com/distribution/reference the grammar and the normalisation rules
 */
export interface ImageReference {
  /** Registry host (lower case, with its port) and path: `docker.io/library/nginx`. */
  readonly repository: string;
  /** The tag; `latest` when the text had neither tag nor digest; `undefined` when it had only a digest. */
  readonly tag: string | undefined;
  /** `sha256:…` or `sha512:…`, full lower-case hex. */
  readonly digest: string | undefined;
  /** What two references are compared by: `repository@digest` when there is a digest, else `repository:tag`. */
  readonly key: string;
}

/** A reference that cannot be parsed: it matches nothing and is named in explanations (spec I1). */
export interface InvalidImageReference {
  readonly problem: string;
}

const DEFAULT_HOST = 'docker.io';
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const TAG = /^\w[\w.-]{0,127}$/;
const HOST_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const HOST = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const PATH_LIMIT = 255;
const BARE_HEX = /^[0-9a-f]{64}$/;
/** Longer texts are refused before any pattern sees them; no legal reference comes near (path 255, tag 128, digest 135). */
const TEXT_LIMIT = 4096;

/**
 * Parses and normalises an image reference (spec I1). Never throws; linear in the length of the text. A cluster starts
 * the same few images over and over, so recent results are remembered: equal texts mostly give the same object.
 *
 * @param text - as written in a container's `image`, not trimmed: runtimes refuse blanks too.
 */
export function parseImageReference(text: string): ImageReference | InvalidImageReference {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const parsed = parse(text);
  if (text.length <= REMEMBERED_LENGTH) remembered.set(text, parsed);
  return parsed;
}

/** With the limit below, at most about 5 MB. */
const REMEMBERED_LENGTH = 256;
const remembered = new RecentMap<string, ImageReference | InvalidImageReference>(2048);

function parse(text: string): ImageReference | InvalidImageReference {
  if (text === '') return { problem: 'it is empty' };
  if (text.length > TEXT_LIMIT) return { problem: `it is longer than ${TEXT_LIMIT} characters` };
  if (BARE_HEX.test(text)) return { problem: 'a bare 64-digit hexadecimal name is an image id, not a reference' };

  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !DIGEST.test(digest)) {
    return { problem: 'the digest must be sha256: or sha512: and its full lower-case hexadecimal value' };
  }
  const named = at < 0 ? text : text.slice(0, at);
  const slash = named.lastIndexOf('/');
  const colon = named.indexOf(':', slash + 1);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) {
    return { problem: 'the tag must be 1 to 128 letters, digits, "_", "." or "-", not starting with "." or "-"' };
  }

  const name = colon < 0 ? named : named.slice(0, colon);
  const split = splitHost(name);
  // To the grammar, what looks like a host but cannot be one (`my_host.io/app`) is the beginning of a path.
  const hasHost = HOST.test(split.host);
  if (!hasHost && !PATH.test(name)) {
    return { problem: 'the registry host is not a host name with an optional port' };
  }
  const path = hasHost ? split.path : name;
  if (!PATH.test(path)) {
    return {
      problem: /[A-Z]/.test(path)
        ? 'the repository name must be lower case'
        : 'the repository name must be lower-case letters and digits, separated by ".", "_", "-" or "/"',
    };
  }
  if (path.length > PATH_LIMIT) return { problem: `the repository name is longer than ${PATH_LIMIT} characters` };

  // Joined, not concatenated: the engine keeps a concatenation in pieces, which weigh twice as much as the text.
  const repository = shared(hasHost ? [split.host, path].join('/') : path);
  const effectiveTag = tag ?? (digest === undefined ? 'latest' : undefined);
  const key = digest === undefined ? [repository, effectiveTag].join(':') : [repository, digest].join('@');
  return { repository, tag: effectiveTag, digest, key };
}

/** One copy of a repository's name for all its tags. */
function shared(repository: string): string {
  const known = repositories.get(repository);
  if (known !== undefined) return known;
  repositories.set(repository, repository);
  return repository;
}

const repositories = new RecentMap<string, string>(4096);

/** A reference in full: `repository:tag@digest`, with what of it there is. */
export function formatReference({ repository, tag, digest }: ImageReference): string {
  return `${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** Tells the two results of {@link parseImageReference} apart. */
export function isValidReference(parsed: ImageReference | InvalidImageReference): parsed is ImageReference {
  return 'key' in parsed;
}

/** Whether a reference says its image by a tag alone, and the tag is one of those that move (spec A3, N3). */
export function hasMutableTag({ tag, digest }: ImageReference, mutableTags: readonly string[]): boolean {
  return digest === undefined && tag !== undefined && mutableTags.includes(tag);
}

/** `docker.io` unless the first part looks like a host: a dot, a port, an upper-case letter, or `localhost`. */
function splitHost(name: string): { host: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = first !== '' && (first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase());
  let host = isHost ? first.toLowerCase() : DEFAULT_HOST;
  const path = isHost ? name.slice(slash + 1) : name;
  if (host === 'index.docker.io') host = DEFAULT_HOST;
  return { host, path: host === DEFAULT_HOST && !path.includes('/') ? `library/${path}` : path };
}
