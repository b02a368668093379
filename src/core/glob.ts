/**
 * Whether a text matches a glob: `*` stands for any characters, `/` included, `?` for one, everything else for itself.
 * Linear in practice, at worst the product of the lengths; never backtracks exponentially.
 */
export function globMatches(glob: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resumeAt = 0;
  let i = 0;
  while (at < text.length) {
    const wanted = glob[i];
    if (wanted === '*') {
      star = i;
      resumeAt = at;
      i += 1;
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[at])) {
      i += 1;
      at += 1;
    } else if (star >= 0) {
      // The last star takes one character more.
      i = star + 1;
      resumeAt += 1;
      at = resumeAt;
    } else {
      return false;
    }
  }
  while (glob[i] === '*') i += 1;
  return i === glob.length;
}
