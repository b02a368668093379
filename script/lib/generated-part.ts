/**
 * A text with new content between the marks `<!-- NAME:begin … -->` and `<!-- NAME:end -->`.
 *
 * @throws Error if the marks are missing.
 */
export function replaceBetween(text: string, name: string, content: string): string {
  const pattern = new RegExp(`(<!-- ${name}:begin[^>]*-->\n)[^]*?(<!-- ${name}:end -->)`);
  if (!pattern.test(text)) throw new Error(`the marks of the table "${name}" are missing`);
  return text.replace(pattern, (_, begin: string, end: string) => `${begin}\n${content}\n\n${end}`);
}
