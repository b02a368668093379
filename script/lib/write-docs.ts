import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { updatedChartReadme, updatedValuesSchema } from './chart-docs.ts';
import { commandReference } from './cli-docs.ts';
import { updatedLintPage, updatedReadme } from './docs.ts';
import { JSON_SCHEMAS, jsonSchemaText } from './json-schemas.ts';

const root = new URL('../../', import.meta.url);

write('README.md', updatedReadme(read('README.md')));
write('docs/cli.md', commandReference());
write('docs/lint.md', updatedLintPage(read('docs/lint.md')));
for (const [name, schema] of Object.entries(JSON_SCHEMAS)) write(`schemas/${name}`, jsonSchemaText(schema()));

const chart = 'charts/eci-imagecache-webhook';
const values = read(`${chart}/values.yaml`);
write(`${chart}/README.md`, updatedChartReadme(read(`${chart}/README.md`), values));
write(`${chart}/values.schema.json`, updatedValuesSchema(read(`${chart}/values.schema.json`), values));

function write(path: string, text: string): void {
  const isNew = !existsSync(new URL(path, root)) || read(path) !== text;
  if (isNew) writeFileSync(new URL(path, root), text);
  console.log(`${path}: ${isNew ? 'written' : 'up to date'}`);
}

function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}
