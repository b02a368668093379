import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { updatedLintPage, updatedReadme } from '../../script/lib/docs.ts';
import { OUTCOMES } from '../../src/core/outcome.ts';
import { imc } from '../cli/recording-terminal.ts';

const ROOT = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', ROOT), 'utf8');
const MANUALS = [
  'README.md',
  'CONTRIBUTING.md',
  'examples/README.md',
  'certs/README.md',
  'bench/README.md',
  'docs/caches.md',
  'docs/review.md',
  'charts/eci-imagecache-webhook/README.md',
  'src/README.md',
  ...readdirSync(new URL('docs', ROOT)).map((name) => `docs/${name}`),
];

describe('the README keeps up with the source', () => {
  it('spec 8: the table of settings is the one that parses them (script/docs writes it)', () => {
    expect(updatedReadme(readme)).toBe(readme);
  });

  it('docs/lint.md tells the findings that the linter has (script/docs writes it)', () => {
    const page = readFileSync(new URL('docs/lint.md', ROOT), 'utf8');
    expect(updatedLintPage(page)).toBe(page);
  });

  it('names every outcome', () => {
    for (const outcome of OUTCOMES) expect(readme).toContain(`\`${outcome}\``);
  });

  it('names every error code, and no other', () => {
    const source = readdirSync(new URL('src', ROOT), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8'))
      .join('\n');
    const thrown = new Set([...source.matchAll(/readonly code = '(ERR_\w+)'/g)].map(([, code]) => code));
    const documented = new Set([...readme.matchAll(/^\| `(ERR_\w+)` \|/gm)].map(([, code]) => code));
    expect(documented).toEqual(thrown);
  });

  it('spec S8: names every metric of ours', () => {
    const files = ['src/telemetry/metrics.ts', 'src/telemetry/controller-metrics.ts'];
    const metrics = files.map((file) => readFileSync(new URL(file, ROOT), 'utf8')).join('');
    for (const [, name] of metrics.matchAll(/name: '(imc_\w+)'/g)) expect(readme).toContain(`\`${name}`);
  });
});

describe('docs/operate.md', () => {
  const text = readFileSync(new URL('docs/operate.md', ROOT), 'utf8');

  it('builds alerts on metrics and outcomes that there are', () => {
    const told = readme.slice(readme.indexOf('## Metrics'));
    for (const [name] of text.matchAll(/\bimc_[a-z_]+?(?=_bucket|[^a-z_])/g)) expect(told).toContain(`\`${name}`);
    const outcomes = [...text.matchAll(/outcome!?=~?"([^"]+)"/g)].flatMap(([, names = '']) => names.split('\\|'));
    expect(outcomes.length).toBeGreaterThan(0);
    for (const outcome of outcomes) expect(OUTCOMES).toContain(outcome);
  });
});

describe.each(MANUALS)('%s', (manual) => {
  const text = readFileSync(new URL(manual, ROOT), 'utf8');

  it('points only to files that are there', () => {
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => path ?? '');
    for (const link of links) expect(existsSync(new URL(link, new URL(manual, ROOT))), link).toBe(true);
  });

  it('shows only commands and flags that there are', async () => {
    for (const [shown, words = '', rest = ''] of text.matchAll(/\bimc ((?:certs )?[a-z]+)\b((?:\\\||[^\n`#|])*)/g)) {
      const { code, out } = await imc([...words.split(' '), '--help']);
      expect(code, shown).toBe(0);
      expect(out, shown).toMatch(new RegExp(`^Usage: imc ${words}`));
      for (const [flag] of rest.matchAll(/(?<= )--?[a-z][a-z-]*/g))
        expect(out, shown).toMatch(new RegExp(`${flag}\\b`));
    }
  });
});
