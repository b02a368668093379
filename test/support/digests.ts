/** Digests that are legal and differ. */
export const DIGEST_A = `sha256:${'a1'.repeat(32)}`;
export const DIGEST_B = `sha256:${'b2'.repeat(32)}`;
export const SHA512 = `sha512:${'c3'.repeat(64)}`;
