import { readFileSync, writeFileSync } from 'node:fs';
import { updatedReadme } from './docs.ts';

const file = new URL('../../README.md', import.meta.url);
const before = readFileSync(file, 'utf8');
const after = updatedReadme(before);
writeFileSync(file, after);
console.log(after === before ? 'README.md is up to date' : 'README.md: tables written');
