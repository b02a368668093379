/** Runs the tests of test/e2e, or those files whose names hold an argument. Last line: `N passed, N failed`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countTests } from './test-report.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reportFile = join(process.env['E2E_FOLDER'], 'report.json');
const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${reportFile}`];
const vitest = spawn(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--config',
    'vitest.e2e.config.ts',
    ...reporters,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);
const [code] = await once(vitest, 'exit');

const { passed, failed } = countTests(reportFile, code === 0);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
