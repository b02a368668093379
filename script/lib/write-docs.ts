import { readFileSync, writeFileSync } from 'node:fs';
import { commandReference } from './cli-docs.ts';
import { updatedLintPage, updatedReadme } from './docs.ts';
import { JSON_SCHEMAS, jsonSchemaText } from './json-schemas.ts';

const root = new URL('../../', import.meta.url);

write('README.md', updatedReadme(readFileSync(new URL('README.md', root), 'utf8')));
write('docs/cli.md', commandReference());
write('docs/lint.md', updatedLintPage(readFileSync(new URL('docs/lint.md', root), 'utf8')));
for (const [name, schema] of Object.entries(JSON_SCHEMAS)) write(`schemas/${name}`, jsonSchemaText(schema()));

function write(path: string, text: string): void {
  const file = new URL(path, root);
  const isNew = read(file) !== text;
  if (isNew) writeFileSync(file, text);
  console.log(`${path}: ${isNew ? 'written' : 'up to date'}`);
}

function read(file: URL): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
