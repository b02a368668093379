import { settingsTable } from '../../src/config/definitions.ts';
import { FINDING_GROUPS, FINDINGS } from '../../src/lint/findings.ts';
import { replaceBetween } from './generated-part.ts';
import { markdownTable } from './markdown-table.ts';

/** The README with its generated tables as the definitions in the source have them now. */
export function updatedReadme(readme: string): string {
  return replaceBetween(readme, 'settings', settingsMarkdown());
}

/** docs/lint.md with the findings as the linter has them now. */
export function updatedLintPage(page: string): string {
  return replaceBetween(page, 'findings', findingsMarkdown());
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

function findingsMarkdown(): string {
  const codes = FINDING_GROUPS.flatMap((group) => group.codes);
  const rows = codes.map((code) => {
    const { severity, title } = FINDINGS[code];
    return [`[${code}](#${code.toLowerCase()})`, severity, title];
  });
  const groups = FINDING_GROUPS.map(({ heading, codes }) => {
    const sections = codes.map((code) => {
      const { severity, title, why, remedy, example } = FINDINGS[code];
      const told = `**${title.charAt(0).toUpperCase()}${title.slice(1)}** (${severity}). ${why}`;
      const yaml = [`# ${code}`, example.bad.trimEnd(), '```', '', '```yaml', `# no ${code}`, example.good.trimEnd()];
      return [`#### ${code}`, '', told, '', `What to do: ${remedy}.`, '', '```yaml', ...yaml, '```'].join('\n');
    });
    return [`### ${heading}`, ...sections].join('\n\n');
  });
  return [markdownTable(['code', 'severity', 'finding'], rows), ...groups].join('\n\n');
}
