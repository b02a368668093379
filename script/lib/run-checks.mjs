/**
 * Runs every check of the project, one after another, with one line for each; the output of a check is shown only when
 * it fails. Arguments name the checks to run; without any, all are. The last line is `N passed, N failed`: each test
 * counts, and each other check counts as one.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { countTests } from './test-report.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'imc-checks-'));
const testReport = join(scratch, 'tests.json');

/** name -> the commands it consists of; the check passes if all of them do. */
const checks = {
  types: ['tsc --project tsconfig.json'],
  format: ['biome check .'],
  lint: ['oxlint --type-aware --deny-warnings'],
  rooms: ['node script/rooms/check.mjs'],
  unused: ['knip --no-progress'],
  build: ['rolldown --config --configLoader native', 'node script/lib/start-build-alone.mjs'],
  tests: [`vitest run --no-color --reporter=default --reporter=json --outputFile.json=${testReport}`],
};

const total = { passed: 0, failed: 0 };
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !Object.hasOwn(checks, name));
try {
  if (unknown.length > 0) refuse();
  else for (const name of chosen.length > 0 ? chosen : Object.keys(checks)) await runCheck(name);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

function refuse() {
  console.error(`error: no check named ${unknown.join(', ')} (checks: ${Object.keys(checks).join(', ')})`);
  total.failed = unknown.length;
}

async function runCheck(name) {
  if (process.stdout.isTTY) process.stdout.write(`${name.padEnd(8)}...`);
  const started = performance.now();
  const { succeeded, output } = await runCommands(name);
  const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`.padStart(7);

  const counts =
    name === 'tests' ? countTests(testReport, succeeded) : { passed: succeeded ? 1 : 0, failed: succeeded ? 0 : 1 };
  total.passed += counts.passed;
  total.failed += counts.failed;

  const verdict = counts.failed === 0 ? styleText('green', 'passed') : styleText('red', 'failed');
  if (process.stdout.isTTY) process.stdout.write('\r');
  console.log(`${name.padEnd(8)}${verdict} ${seconds}${counts.detail === undefined ? '' : `   ${counts.detail}`}`);
  if (counts.failed > 0) console.log(`\n${output.trim()}\n`);
}

async function runCommands(name) {
  const outputFile = join(scratch, `${name}.txt`);
  const output = openSync(outputFile, 'a');
  let succeeded = true;
  for (const command of checks[name]) succeeded &&= await run(command, output);
  closeSync(output);
  return { succeeded, output: readFileSync(outputFile, 'utf8') };
}

function run(commandLine, output) {
  const [command, ...args] = commandLine.split(' ');
  const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` };
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', output, output] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code === 0));
  });
}
