import { describe, expect, it } from 'vitest';
import { documentedCommands } from '../../script/lib/cli-docs.ts';
import { programName } from '../../src/cli/run-process.ts';
import { type SettingsCommand, settingsTable } from '../../src/config/definitions.ts';
import { commandLines, parseOnly } from './command-lines.ts';
import { imc } from './recording-terminal.ts';

const COMMANDS = documentedCommands();

describe('help', () => {
  it.each(COMMANDS)(
    '$name --help tells how it is used, on standard output, with exit code 0',
    async ({ name, examples }) => {
      const { code, out, err } = await imc([...name.split(' ').slice(1), '--help']);
      expect(code).toBe(0);
      expect(err).toBe('');
      expect(out).toMatch(new RegExp(`^Usage: ${name}( |\\n)`));
      expect(out).toContain('-h, --help');
      for (const example of examples) expect(out).toContain(`\n  ${example}\n`);
    },
  );

  it.each([
    ['review', ['review']],
    ['certs generate', ['certs', 'generate']],
    ['', []],
  ])('imc help %s says the same', async (_name, command) => {
    expect(await imc(['help', ...command])).toEqual(await imc([...command, '--help']));
  });

  it.each([
    [['reviw'], 'imc has no command "reviw"; did you mean review?'],
    [['certs', 'genrate'], 'imc certs has no command "genrate"; did you mean generate?'],
    [['certs', 'xyzzy'], /^imc certs has no command "xyzzy"; its commands: .*generate/],
    [['version', 'x'], 'imc version has no commands; leave out "x"'],
  ])('imc help %j names the commands that there are', async (names, problem) => {
    const { code, out, err } = await imc(['help', ...names]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.replace(/^Error: /, '').trimEnd()).toMatch(problem);
  });

  it.each(COMMANDS.filter(({ name }) => name.split(' ').length === 2))(
    'imc --help names the command $name',
    async ({ name }) => {
      expect((await imc(['--help'])).out).toMatch(new RegExp(`^  ${name.slice('imc '.length)}( |$)`, 'm'));
    },
  );

  it.each(COMMANDS.filter(({ command }) => command.options.some(({ long }) => long === '--config')))(
    '$name --help has a flag for every setting the command reads',
    async ({ command }) => {
      const { out } = await imc([command.name(), '--help']);
      const settings = settingsTable(command.name() as SettingsCommand); // those that have --config
      expect(settings).not.toHaveLength(0);
      for (const { flag, environment } of settings) {
        expect(out).toContain(`${flag} <`);
        expect(out.replaceAll(/\s+/g, ' ')).toContain(environment);
      }
    },
  );

  it.each(COMMANDS)('$name --help has examples to copy, which the program takes', async ({ name, examples }) => {
    expect(examples).not.toHaveLength(0);
    const lines = examples.flatMap(commandLines);
    expect(lines.filter((words) => ['imc', ...words].join(' ').startsWith(name))).not.toHaveLength(0);
    for (const words of lines) await expect(parseOnly(words), words.join(' ')).resolves.toBeUndefined();
  });

  it.each(COMMANDS.filter(({ isGroup }) => !isGroup))(
    '$name --help says what its exit codes mean (spec section 8)',
    ({ exitCodes }) => {
      expect(exitCodes).toMatch(/^0 .*2 .*\.$/);
    },
  );

  it('prints the version number for --version', async () => {
    const { code, out } = await imc(['--version']);
    expect(code).toBe(0);
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('bad usage ends with exit code 2 and what to do (spec section 8)', () => {
  it.each([
    {
      title: 'an unknown command, with the one that was meant',
      args: ['reviw'],
      says: /unknown command 'reviw'\n\(Did you mean review\?\)/,
    },
    {
      title: 'an unknown flag, with the one that was meant',
      args: ['review', '-f', 'x', '--namspace', 'web'],
      says: /unknown option '--namspace'\n\(Did you mean --namespace\?\)/,
    },
    {
      title: 'an unknown flag of a setting',
      args: ['review', '-f', 'x', '--partial-matsch', 'pin'],
      says: /Did you mean --partial-match\?/,
    },
    { title: 'a missing -f', args: ['review'], says: /required option '-f, --filename <path>' not specified/ },
    { title: 'a flag without its value', args: ['review', '-f'], says: /argument missing/ },
    {
      title: 'an output format there is not',
      args: ['review', '-f', 'x', '-o', 'xml'],
      says: /'xml' is invalid.*Allowed choices are table, json, yaml, review, patch, pod/,
    },
    {
      title: 'an output format of another command',
      args: ['explain', '-f', 'x', '-o', 'patch'],
      says: /Allowed choices are table, json, yaml/,
    },
    {
      title: 'a --now that is no time',
      args: ['review', '-f', 'x', '--now', 'tomorrow'],
      says: /'tomorrow' is invalid.*RFC 3339 time such as 2026-01-01T00:00:00Z/,
    },
    {
      title: 'a --now on a day there is not',
      args: ['review', '-f', 'x', '--now', '2026-02-30T00:00:00Z'],
      says: /RFC 3339/,
    },
    {
      title: 'a bad value of a setting, with the flag it came from',
      args: ['review', '-f', 'x', '--mode', 'enforced'],
      says: /flag --mode: mode: .*enforce/,
    },
    {
      title: 'a bad duration',
      args: ['review', '-f', 'x', '--expiry-margin', '4 hours'],
      says: /flag --expiry-margin: expiryMargin: /,
    },
    {
      title: 'a settings file that is not there',
      args: ['review', '-f', 'x', '--config', 'nowhere.yaml'],
      says: /nowhere\.yaml: .*cannot be read \(ENOENT\); name a file that exists/,
    },
    {
      title: '--dir together with --server',
      args: ['review', '-f', 'examples/workloads', '--dir', 'examples/cluster', '--server', 'https://localhost'],
      says: /--dir and --server exclude each other/,
    },
    {
      title: '--now together with --server',
      args: ['review', '-f', 'examples/workloads', '--now', '2026-01-01T00:00:00Z', '--server', 'https://localhost'],
      says: /--now and --server exclude each other/,
    },
    {
      title: '--ca-file without --server',
      args: ['review', '-f', 'examples/workloads', '--dir', 'examples/cluster', '--ca-file', 'x'],
      says: /--ca-file goes with --server/,
    },
    {
      title: 'a server that is no address',
      args: ['review', '-f', 'examples/workloads', '--server', 'localhost:8443'],
      says: /--server localhost:8443: expected an address such as https:\/\/localhost:8443/,
    },
    {
      title: 'a server without TLS',
      args: ['review', '-f', 'examples/workloads', '--server', 'http://localhost:8443'],
      says: /expected an address such as https/,
    },
    {
      title: 'days that no certificate lives',
      args: ['certs', 'generate', '--out', 'x', '--days', '0'],
      says: /'0' is invalid.*1 to 3650/,
    },
    {
      title: 'certificates without a place for them',
      args: ['certs', 'generate'],
      says: /required option '--out <folder>' not specified/,
    },
    { title: 'an argument nobody asked for', args: ['version', 'please'], says: /too many arguments/ },
  ])('$title', async ({ args, says }) => {
    const { code, out, err } = await imc(args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/^Error: /);
    expect(err).toMatch(says);
  });

  it('no command at all: the help, on standard error', async () => {
    const { code, out, err } = await imc([]);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('Usage: imc ');
  });

  it('a command group without a command: its help, on standard error', async () => {
    const { code, out, err } = await imc(['certs']);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('Usage: imc certs ');
  });

  it('every problem of the settings at once, each with its place', async () => {
    const env = { IMC_MODE: 'on', IMC_PARTIAL_MATCH: 'maybe' };
    const { code, err } = await imc(['review', '-f', 'x', '--warnings', 'loud'], { env });
    expect(code).toBe(2);
    expect(err).toContain('3 problems in the settings:');
    for (const place of [
      'environment IMC_MODE: mode: ',
      'environment IMC_PARTIAL_MATCH: partialMatch: ',
      'flag --warnings: warnings: ',
    ]) {
      expect(err).toContain(place);
    }
  });

  it('colours the word Error when standard error takes colours', async () => {
    const { err } = await imc(['review'], { colour: true });
    expect(err.startsWith('\u001b[31mError:\u001b[39m ')).toBe(true);
  });
});

describe('as a plugin of kubectl', () => {
  it.each(COMMANDS)('$name --help calls the program as the user does', async ({ name }) => {
    const { out } = await imc([...name.split(' ').slice(1), '--help'], { name: 'kubectl imc' });
    expect(out).toMatch(new RegExp(`^Usage: kubectl ${name}( |\\n)`));
    expect(out).toMatch(/^ {2}(.* )?kubectl imc /m);
    expect(out).not.toMatch(/(?<!kubectl |[\w/])imc (?:review|serve|help|--|\[)/);
    expect(out).not.toContain('kubectl kubectl');
  });

  it('so do errors, which nothing else changes', async () => {
    const { code, err } = await imc(['help', 'certs', 'genrate'], { name: 'kubectl imc' });
    expect({ code, err }).toEqual({
      code: 2,
      err: 'Error: kubectl imc certs has no command "genrate"; did you mean generate?\n',
    });
  });

  it.each([
    ['/usr/local/bin/kubectl-imc', 'kubectl imc'],
    ['dist/kubectl-imc.js', 'kubectl imc'],
    ['/usr/local/bin/imc', 'imc'],
    ['/opt/kubectl-imc/dist/imc.js', 'imc'],
    ['', 'imc'],
  ])('started as %s it is called %s', (file, name) => {
    expect(programName(file)).toBe(name);
  });
});
