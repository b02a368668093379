import { describe, expect, it } from 'vitest';
import { settingsTable } from '../../src/config/definitions.ts';
import { imc } from './recording-terminal.ts';

const COMMANDS = [
  [],
  ['serve'],
  ['review'],
  ['explain'],
  ['caches'],
  ['certs'],
  ['certs', 'generate'],
  ['version'],
] as const;

describe('help', () => {
  it.each(COMMANDS.map((command) => ['imc', ...command].join(' ')))(
    '%s --help tells how it is used, on standard output, with exit code 0',
    async (name) => {
      const command = name.split(' ').slice(1);
      const { code, out, err } = await imc([...command, '--help']);
      expect(code).toBe(0);
      expect(err).toBe('');
      expect(out).toMatch(new RegExp(`^Usage: ${name}( |\\n)`));
      expect(out).toContain('-h, --help');
    },
  );

  it('imc help COMMAND says the same', async () => {
    const [byWord, byFlag] = [await imc(['help', 'review']), await imc(['review', '--help'])];
    expect(byWord).toEqual(byFlag);
  });

  it.each(COMMANDS.flatMap(([command]) => command ?? []))('imc --help names the command %s', async (command) => {
    expect((await imc(['--help'])).out).toMatch(new RegExp(`^  ${command}( |$)`, 'm'));
  });

  it.each(['serve', 'review', 'explain', 'caches'] as const)(
    'imc %s --help has a flag for every setting the command reads',
    async (command) => {
      const { out } = await imc([command, '--help']);
      for (const { flag, environment } of settingsTable(command)) {
        expect(out).toContain(`${flag} <`);
        expect(out.replaceAll(/\s+/g, ' ')).toContain(environment);
      }
    },
  );

  it.each(['serve', 'review', 'explain', 'caches', 'certs generate'])(
    'imc %s --help shows examples to copy',
    async (command) => {
      const { out } = await imc([...command.split(' '), '--help']);
      expect(out).toContain('Examples:\n  ');
    },
  );

  it.each(['review', 'explain', 'caches'])(
    'imc %s --help says what its exit codes mean (spec section 8)',
    async (command) => {
      expect((await imc([command, '--help'])).out).toMatch(/Exit code: 0 .*1 .*2 /);
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
