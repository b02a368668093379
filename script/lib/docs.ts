import { settingsTable } from '../../src/config/definitions.ts';
import { markdownTable } from './markdown-table.ts';

/** The README with its generated tables as the definitions in the source have them now. */
export function updatedReadme(readme: string): string {
  return replaceBetween(readme, 'settings', settingsMarkdown());
}

function settingsMarkdown(): string {
  return markdownTable(
    ['key', 'type', 'default', 'applies', 'flag', 'environment', 'meaning'],
    settingsTable().map(({ key, type, default: fallback, applies, flag, environment, description }) => [
      `\`${key}\``,
      type,
      fallback,
      applies,
      `\`${flag}\``,
      `\`${environment}\``,
      description,
    ]),
  );
}

function replaceBetween(text: string, name: string, content: string): string {
  const pattern = new RegExp(`(<!-- ${name}:begin[^>]*-->\n)[^]*?(<!-- ${name}:end -->)`);
  if (!pattern.test(text)) throw new Error(`the marks of the table "${name}" are missing`);
  return text.replace(pattern, (_, begin: string, end: string) => `${begin}\n${content}\n\n${end}`);
}
