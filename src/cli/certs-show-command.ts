import { Command } from 'commander';
import type { CertificatesRequest, Commands } from '../composition/commands.ts';
import { toYaml } from '../wire/yaml-text.ts';
import { parseServer, readCertificateFolder, readNamed } from './certificate-inputs.ts';
import type { ExitCode, Options } from './command.ts';
import { outputOption, textOption } from './command.ts';
import { paint } from './table.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';

/** `imc certs show`: what certificates say. */
export function certsShowCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  return new Command('show')
    .summary('show what certificates say')
    .description(
      'Shows certificates of PEM files, of a folder such as a mounted Secret, or of a running server: subject, issuer, names, ' +
        'how long they are valid, key, fingerprint, and which of them signed which. Whether clients will trust them is a ' +
        'question for imc certs verify.',
    )
    .argument('[file...]', 'PEM files with certificates; - for standard input')
    .option('-d, --dir <folder>', 'folder with tls.crt, tls.key and ca.crt, or some of them')
    .option('--server <host:port>', 'ask a running server, such as localhost:8443')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
Examples:
  imc certs show --dir certs/local
  imc certs show ca.crt tls.crt -o json
  imc certs show --server localhost:8443
  kubectl get secret imc-tls -o jsonpath='{.data.tls\\.crt}' | base64 -d | imc certs show -

Exit code: 0 shown, 2 bad usage, or certificates that cannot be read.`,
    )
    .action(async (files: readonly string[], options: Options) => done(await show(files, options, commands, terminal)));
}

async function show(
  paths: readonly string[],
  options: Options,
  commands: Commands,
  terminal: Terminal,
): Promise<ExitCode> {
  const nowMs = Date.now();
  const shown = await commands.describeCertificates(await requestOf(paths, options, terminal));
  const output = textOption(options, 'output');
  if (output === 'json' || output === 'yaml') {
    const data = shown.map((certificate) => ({ ...certificate, daysLeft: daysLeft(certificate, nowMs) }));
    // Through JSON: times become texts, and what is not there is left out.
    const text = JSON.stringify(data, null, 2);
    terminal.out(output === 'json' ? `${text}\n` : toYaml(JSON.parse(text)));
  } else {
    terminal.out(shown.map((certificate) => blockOf(certificate, shown, nowMs, terminal.colour.out)).join('\n'));
  }
  return 0;
}

async function requestOf(paths: readonly string[], options: Options, terminal: Terminal): Promise<CertificatesRequest> {
  const [folder, server] = [textOption(options, 'dir'), textOption(options, 'server')];
  if (paths.length === 0 && folder === undefined && server === undefined) {
    throw new UsageError('nothing to show; name PEM files, a folder with --dir, or a server with --server');
  }
  const files = [];
  for (const path of paths) files.push(await readNamed(path, terminal));
  const { certificate, key, ca } = folder === undefined ? NO_FOLDER : await readCertificateFolder(folder);
  return {
    files: [...files, certificate, ca].filter((file) => file !== undefined),
    keys: key === undefined ? [] : [key],
    servers: server === undefined ? [] : [parseServer(server)],
  };
}

const NO_FOLDER = { certificate: undefined, key: undefined, ca: undefined } as const;

type Shown = Awaited<ReturnType<Commands['describeCertificates']>>[number];

function blockOf(certificate: Shown, all: readonly Shown[], nowMs: number, colour: boolean): string {
  const { source, subject, issuer, names, key, keySource, signature, signedBy, fingerprint, serialNumber } =
    certificate;
  const rows: (readonly [string, string | undefined])[] = [
    ['subject', subject || '(empty)'],
    ['issuer', issuer || '(empty)'],
    ['names', names.length === 0 ? undefined : names.join(', ')],
    ['valid', validText(certificate, nowMs, colour)],
    ['key', keySource === undefined ? key : `${key}, which is in ${keySource}`],
    ['use', useText(certificate)],
    ['signature', signature],
    [
      'signed by',
      signedBy === undefined ? 'none of these' : isSame(signedBy, certificate) ? 'itself' : placeOf(signedBy, all),
    ],
    ['serial', serialNumber],
    ['SHA-256', fingerprint],
  ];
  const lines = rows.flatMap(([name, text]) => (text === undefined ? [] : [`  ${name.padEnd(10)} ${text}\n`]));
  return `${paint(placeOf({ source, position: certificate.position }, all), 'bold', colour)}\n${lines.join('')}`;
}

function validText({ notBefore, notAfter }: Shown, nowMs: number, colour: boolean): string {
  const span = `${timeText(notBefore)} to ${timeText(notAfter)}`;
  const days = daysLeft({ notAfter }, nowMs);
  if (notAfter.getTime() <= nowMs) return `${span} (${paint(`ended ${count(-days, 'day')} ago`, 'red', colour)})`;
  if (notBefore.getTime() > nowMs) return `${span} (${paint('not yet valid', 'red', colour)})`;
  return `${span} (${paint(`${count(days, 'day')} left`, days < SOON_DAYS ? 'yellow' : 'green', colour)})`;
}

/** From here on a person should think of renewal. */
const SOON_DAYS = 30;

function useText({ isCa, purposes, keyUsages }: Shown): string {
  const uses = [...(isCa ? ['CA'] : []), ...(purposes ?? []), ...(keyUsages ?? [])];
  return uses.length === 0 ? 'any' : uses.join(', ');
}

interface Place {
  readonly source: string;
  readonly position: number;
}

/** The file, with the number of the certificate where there are several. */
function placeOf({ source, position }: Place, all: readonly Shown[]): string {
  const total = all.filter((other) => other.source === source).length;
  return total === 1 ? source : `${source} (${position} of ${total})`;
}

function isSame(one: Place, other: Place): boolean {
  return one.source === other.source && one.position === other.position;
}

/** Whole days until it ends; negative when it has ended. */
function daysLeft({ notAfter }: Pick<Shown, 'notAfter'>, nowMs: number): number {
  return Math.floor((notAfter.getTime() - nowMs) / (24 * 60 * 60 * 1000));
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function timeText(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z');
}
