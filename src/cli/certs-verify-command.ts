import { Command, InvalidArgumentError } from 'commander';
import type { Commands, VerifyCertificateRequest } from '../composition/commands.ts';
import { toYaml } from '../wire/yaml-text.ts';
import { parseServer, readCertificateFolder, readNamed } from './certificate-inputs.ts';
import type { ExitCode, Options } from './command.ts';
import { collect, outputOption, textOption, textsOption } from './command.ts';
import type { Style } from './table.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';

/** `imc certs verify`: whether a certificate can be served and clients will trust it. */
export function certsVerifyCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  return new Command('verify')
    .summary('verify that clients will trust a certificate')
    .description(
      'Asks of the certificate of a webhook what an API server asks: that the key belongs to it, that it is for the hosts it ' +
        'is called by, that it is valid for some time to come, that a CA of the caBundle signed it, that a server may use it, ' +
        'and that its key and signature are strong enough. The certificate is that of a PEM file (intermediate certificates ' +
        'behind it), of a folder such as a mounted Secret, or the one a running server sends.',
    )
    .argument('[file]', 'PEM file with the serving certificate; - for standard input')
    .option('-d, --dir <folder>', 'folder with tls.crt, tls.key and ca.crt')
    .option('--server <host:port>', 'ask a running server, such as localhost:8443')
    .option('--key <file>', 'private key of the certificate, in PEM')
    .option('--ca-file <file>', 'CAs that clients trust, in PEM: the caBundle; before ca.crt of --dir')
    .option(
      '--host <name>',
      'DNS name or IP address clients call; can be repeated (with --server, default that host)',
      collect,
    )
    .option('--min-days <n>', 'days it has to be valid still', days, 0)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
Examples:
  imc certs verify --dir certs/local --host localhost --min-days 30
  imc certs verify tls.crt --key tls.key --ca-file ca.crt --host imc.imc-system.svc
  imc certs verify --server localhost:8443 --ca-file ca.crt

Exit code: 0 nothing failed, 1 some check failed, 2 bad usage, or certificates that cannot be read.`,
    )
    .action(async (file: string | undefined, options: Options) =>
      done(await verify(file, options, commands, terminal)),
    );
}

async function verify(
  file: string | undefined,
  options: Options,
  commands: Commands,
  terminal: Terminal,
): Promise<ExitCode> {
  const checks = await commands.verifyCertificate(await requestOf(file, options, terminal));
  const output = textOption(options, 'output');
  if (output === 'json') terminal.out(`${JSON.stringify(checks, null, 2)}\n`);
  else if (output === 'yaml') terminal.out(toYaml(checks));
  else {
    const rows = checks.map(({ name, result, detail, remedy }) => [
      name,
      { text: result, style: STYLES[result] },
      remedy === '' ? detail : `${detail}; ${remedy}`,
    ]);
    terminal.out(formatTable(['CHECK', 'RESULT', 'DETAIL'], rows, terminal.colour.out));
  }
  return checks.some(({ result }) => result === 'failed') ? 1 : 0;
}

const STYLES: Readonly<Record<string, Style>> = { ok: 'green', failed: 'red', skipped: 'yellow' };

async function requestOf(
  file: string | undefined,
  options: Options,
  terminal: Terminal,
): Promise<VerifyCertificateRequest> {
  const [dir, server] = [textOption(options, 'dir'), textOption(options, 'server')];
  if ([file, dir, server].filter((source) => source !== undefined).length !== 1) {
    throw new UsageError('name one certificate to verify: a PEM file, a folder with --dir, or a server with --server');
  }
  const [keyFile, caFile] = [textOption(options, 'key'), textOption(options, 'caFile')];
  if (server !== undefined && keyFile !== undefined) {
    throw new UsageError('--key and --server exclude each other: a server has the key of what it serves');
  }
  const hosts = textsOption(options, 'host');
  const given = {
    key: keyFile === undefined ? undefined : await readNamed(keyFile, terminal),
    authorities: caFile === undefined ? undefined : await readNamed(caFile, terminal),
    hosts,
    minDays: Number(options['minDays']),
  };
  if (server !== undefined) {
    const address = parseServer(server);
    return { ...given, certificate: address, hosts: hosts.length === 0 ? [address.host] : hosts };
  }
  if (dir === undefined) return { ...given, certificate: await readNamed(file ?? '-', terminal) };
  const { certificate, key, ca } = await readCertificateFolder(dir);
  if (certificate === undefined)
    throw new UsageError(`${dir}: no tls.crt is there; it holds the certificate to verify`);
  return { ...given, certificate, key: given.key ?? key, authorities: given.authorities ?? ca };
}

function days(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('Expected a whole number of days.');
  return Number(text);
}
