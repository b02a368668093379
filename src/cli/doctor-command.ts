import { Command, InvalidArgumentError } from 'commander';
import type { Commands } from '../composition/commands.ts';
import { parseDuration } from '../config/duration.ts';
import type { Check, CheckResult } from '../doctor/check.ts';
import type { Examination } from '../doctor/doctor.ts';
import { toYaml } from '../wire/yaml-text.ts';
import type { ExitCode, Options } from './command.ts';
import { outputOption, settingsOf, textOption, withSettings } from './command.ts';
import { ProgressLine } from './progress-line.ts';
import type { Style } from './table.ts';
import { formatTable, paint } from './table.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';

/** `imc doctor`: is a live installation well, and if not, what is to be done (spec section 8)? */
export function doctorCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  const command = new Command('doctor')
    .summary('check a live installation, and say what to do')
    .description(
      'Checks an installation in a cluster: API server and CRD, the rights of both service accounts, the registration and ' +
        'who else is called, caBundle and served certificate, replicas and controller, settings, eci-profile and ' +
        'ImageCaches; and whether a pod, created as a dry run through the API server, comes back with a decision. Every ' +
        'check that fails says what to do. Everything is read or a dry run, nothing is changed. What the caller may not ' +
        'is skipped, with the reason.',
    )
    .option('-n, --namespace <name>', 'namespace of the installation; looked for everywhere if not given')
    .option('--release <name>', 'Helm release, where there are several')
    .option('--webhook-configuration <name>', "registration, where it is not the chart's")
    .option('--probe-namespace <name>', 'namespace in which pods are tried, as dry runs', 'default')
    .option('--timeout <duration>', 'how long each request may take', timeout, 10_000)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText(
      'after',
      `
Examples:
  imc doctor
  imc doctor --kubeconfig ~/.kube/config --context production --namespace imc-system
  imc doctor --probe-namespace shop -o json
  imc doctor --webhook-configuration imc-webhook

Exit code: 0 no check failed, 1 some check failed, 2 bad usage or a kubeconfig that cannot be used.`,
    )
    .action(async (options: Options) => done(await examine(options, commands, terminal)));
  // Its default is a number for the parser; people read a duration.
  command.options.find(({ long }) => long === '--timeout')?.default(10_000, '10s');
  return withSettings(command, 'doctor');
}

async function examine(options: Options, commands: Commands, terminal: Terminal): Promise<ExitCode> {
  const { kubeconfig, context } = settingsOf(options, 'doctor', terminal).config.cluster ?? {};
  const line = new ProgressLine(terminal);
  let examination: Examination;
  try {
    examination = await commands.examine(
      {
        cluster: { kubeconfig, context, env: terminal.env },
        namespace: nameOption(options, 'namespace', '--namespace'),
        release: nameOption(options, 'release', '--release'),
        webhookConfiguration: nameOption(options, 'webhookConfiguration', '--webhook-configuration'),
        probeNamespace: nameOption(options, 'probeNamespace', '--probe-namespace') ?? 'default',
        timeoutMs: Number(options['timeout']),
      },
      (what) => line.show(`checking: ${what}`),
    );
  } finally {
    line.clear();
  }
  const output = textOption(options, 'output');
  const summary = summaryOf(examination.checks);
  if (output === 'json') terminal.out(`${JSON.stringify({ ...examination, summary }, null, 2)}\n`);
  else if (output === 'yaml') terminal.out(toYaml({ ...examination, summary }));
  else terminal.out(report(examination.checks, summary, terminal.colour.out));
  return summary.failed === 0 ? 0 : 1;
}

/** A name that may be in a path of the API; an empty one is mostly a variable that was not set. */
function nameOption(options: Options, key: string, flag: string): string | undefined {
  const name = textOption(options, key);
  if (name === undefined || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) return name;
  throw new UsageError(`${flag} ${JSON.stringify(name)}: expected a name of lower-case letters, digits, "-" and "."`);
}

type Summary = Readonly<Record<CheckResult, number>>;

function summaryOf(checks: readonly Check[]): Summary {
  const count = (result: CheckResult): number => checks.filter((check) => check.result === result).length;
  return { ok: count('ok'), warning: count('warning'), failed: count('failed'), skipped: count('skipped') };
}

/** The table, then what to do, the worst first. */
function report(checks: readonly Check[], summary: Summary, colour: boolean): string {
  const rows = checks.map(({ name, result, found }) => [name, { text: result, style: STYLES[result] }, found]);
  const open = ORDER.flatMap((result) => checks.filter((check) => check.result === result && check.remedy !== ''));
  const remedies = open.map(
    ({ name, result, remedy }) => `${paint(name, STYLES[result], colour)} (${result}): ${remedy}\n`,
  );
  return [
    formatTable(['CHECK', 'RESULT', 'FOUND'], rows, colour),
    ...(remedies.length === 0 ? [] : [`\n${paint('What to do', 'bold', colour)}\n`, ...remedies]),
    `\n${summary.ok} ok, ${summary.warning} warning${summary.warning === 1 ? '' : 's'}, ${summary.failed} failed, ${summary.skipped} skipped\n`,
  ].join('');
}

const ORDER: readonly CheckResult[] = ['failed', 'warning', 'skipped'];

const STYLES: Readonly<Record<CheckResult, Style>> = { ok: 'green', warning: 'yellow', failed: 'red', skipped: 'dim' };

function timeout(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 1 || ms > 600_000) {
    throw new InvalidArgumentError('Expected a duration from 1ms to 10m, such as 10s.');
  }
  return ms;
}
