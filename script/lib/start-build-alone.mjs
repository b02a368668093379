/** Starts the built file away from its folder, so that nothing it needs can come from node_modules. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../../dist/imc.js', import.meta.url));
const elsewhere = mkdtempSync(join(tmpdir(), 'imc-alone-'));
try {
  const copy = join(elsewhere, 'imc.mjs');
  copyFileSync(built, copy);
  execFileSync(copy, ['version'], { cwd: elsewhere, stdio: 'inherit', timeout: 30_000 });
} finally {
  rmSync(elsewhere, { recursive: true, force: true });
}
