import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { Commands } from '../composition/commands.ts';
import type { ExitCode, Options } from './command.ts';
import { collect, textOption, textsOption } from './command.ts';
import { unwritable } from './file-problem.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';

/**
 * As in certificates: letters, digits and hyphens between dots, with a wildcard for the first part at most. The last part
 * is not all digits: that is an IP address with a mistake in it.
 */
const DNS_NAME = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

const DEFAULT_HOSTS = ['localhost', '127.0.0.1', '::1'];

/** `imc certs generate`: a CA and a serving certificate. */
export function certsGenerateCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  return new Command('generate')
    .summary('make a CA and a serving certificate')
    .description(
      'Makes a CA and a serving certificate (ECDSA P-256) and writes ca.crt, tls.crt and tls.key. ' +
        'The key of the CA is thrown away: make a new pair when the certificate expires.',
    )
    .requiredOption('--out <folder>', 'folder to write to; it is made if it is missing')
    .option(
      '--host <name>',
      'DNS name or IP address to certify; can be repeated (default localhost, 127.0.0.1, ::1)',
      collect,
    )
    .option('--days <n>', 'days the serving certificate is valid', days, 365)
    .option('--force', 'replace files that are there')
    .addHelpText(
      'after',
      `
Examples:
  imc certs generate --out certs/local
  imc certs generate --out tls --host imc.imc-system.svc --host imc.imc-system.svc.cluster.local
  imc serve --dir examples/cluster --cert-dir certs/local

Exit code: 0 written, 2 bad usage or a folder that cannot be written to.`,
    )
    .action(async (options: Options) => done(await generateCertificates(options, commands, terminal)));
}

async function generateCertificates(options: Options, commands: Commands, terminal: Terminal): Promise<ExitCode> {
  const folder = textOption(options, 'out') ?? '';
  const given = textsOption(options, 'host');
  const validDays = Number(options['days']);
  for (const host of given) {
    if (isIP(host) === 0 && !DNS_NAME.test(host)) {
      throw new UsageError(`--host ${host}: expected a DNS name such as imc.imc-system.svc, or an IP address`);
    }
  }
  const { ca, certificate, key } = await commands.generateCertificates(
    given.length === 0 ? DEFAULT_HOSTS : given,
    validDays,
  );
  const files = [
    { name: 'ca.crt', text: ca, mode: 0o644, what: 'the CA, for clients (caBundle, --ca-file)' },
    { name: 'tls.crt', text: certificate, mode: 0o644, what: `the serving certificate, valid ${validDays} days` },
    { name: 'tls.key', text: key, mode: 0o600, what: 'its private key; keep it secret' },
  ];
  try {
    await mkdir(folder, { recursive: true });
    for (const { name } of files) {
      if (options['force'] !== true && (await exists(join(folder, name)))) {
        throw new UsageError(`${join(folder, name)} is there already; choose another --out or give --force`);
      }
    }
    // Written beside and renamed: the mode of a file counts only when it is made, and no reader sees half a file.
    for (const { name, text, mode } of files) {
      const file = join(folder, `${name}.new`);
      await rm(file, { force: true }); // left by a run that was cut short
      await writeFile(file, text, { mode, flag: 'wx' });
    }
    for (const { name } of files) await rename(join(folder, `${name}.new`), join(folder, name));
  } catch (cause) {
    throw cause instanceof UsageError ? cause : unwritable(folder, cause);
  }
  for (const { name, what } of files) terminal.out(`${join(folder, name)}   ${what}\n`);
  return 0;
}

function days(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 3650) throw new InvalidArgumentError('Expected 1 to 3650.');
  return value;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
