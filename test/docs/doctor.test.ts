import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CHECK_NAMES } from '../../src/doctor/check.ts';

const page = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8');

it('docs/doctor.md describes every check of imc doctor, in the order of the report', () => {
  const table = /^\| check \| asks .*\n\| .*\n((?:\| .*\n)+)/m.exec(page)?.[1] ?? '';
  const described = table.split('\n').flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([\w-]+)`/g)]);
  expect(described.map(([, name]) => name)).toEqual(CHECK_NAMES);
});
