import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandReference, documentedCommands } from '../../script/lib/cli-docs.ts';

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');

describe('docs/cli.md', () => {
  it('is what the definitions of the commands say (script/docs writes it)', () => {
    expect(page).toBe(commandReference());
  });

  it.each(documentedCommands())('describes $name with all its options', ({ name, command }) => {
    const [, section = ''] = new RegExp(`^## ${name}\n([^]*?)(?=^## |(?![^]))`, 'm').exec(page) ?? [];
    expect(section).toContain(`\n${name}`);
    for (const { flags } of command.options) expect(section).toContain(`| \`${flags}\` |`);
    expect(section).toMatch(/^Examples:\n\n```sh\n.+/m);
  });
});
