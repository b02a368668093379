import { type Command, InvalidArgumentError, Option } from 'commander';
import type { LoadedConfig } from '../config/config.ts';
import { loadConfig } from '../config/config.ts';
import type { SettingsCommand } from '../config/definitions.ts';
import { settingsTable } from '../config/definitions.ts';
import { parseTimestamp, toEpochMs } from '../core/timestamp.ts';
import type { Terminal } from './terminal.ts';

/** 0 done, allowed or passed; 1 denied or failed; 2 bad usage or unreadable input (spec section 8). */
export type ExitCode = 0 | 1 | 2;

/** Gives a command the flags of the settings it reads, and `--config`. */
export function withSettings(command: Command, name: SettingsCommand): Command {
  command.option('--config <file>', 'settings file in YAML; flags and IMC_* variables go before it');
  for (const { flag, type, default: fallback, description, environment } of settingsTable(name)) {
    const choices = type.split(' | ');
    const placeholder = choices.length > 1 || type.length > 12 ? 'value' : type;
    const option = new Option(
      `${flag} <${placeholder.replaceAll('`', '')}>`,
      sentence(description, choices.length > 1 ? undefined : type, fallback, environment),
    );
    // For help and completion only: the parser of the settings has better words for a value that is none of them.
    if (choices.length > 1) option.argChoices = choices;
    command.addOption(option);
  }
  return command;
}

/** Reads the settings of a command from its flags, the environment and its file. */
export function settingsOf(
  options: Readonly<Record<string, unknown>>,
  name: SettingsCommand,
  terminal: Terminal,
): LoadedConfig {
  const file = typeof options['config'] === 'string' ? options['config'] : undefined;
  const loaded = loadConfig({ file, env: terminal.env, flags: options, context: { command: name } });
  for (const warning of loaded.warnings) terminal.err(`Warning: ${warning}\n`);
  return loaded;
}

/** `--now`: the time decisions are made at, so that answers about expiring caches can be repeated. */
export function nowOption(): Option {
  return new Option('--now <time>', 'decide as if it were this time (RFC 3339)').argParser((text): number => {
    const time = parseTimestamp(text);
    if (time === undefined) throw new InvalidArgumentError('Expected an RFC 3339 time such as 2026-01-01T00:00:00Z.');
    return toEpochMs(time);
  });
}

/** `-o`, with the formats a command offers; the first is the default. */
export function outputOption(formats: readonly string[]): Option {
  return new Option('-o, --output <format>', 'how results are printed').choices(formats).default(formats[0]);
}

/** Options of a command by name, as commander collected them. */
export type Options = Readonly<Record<string, unknown>>;

/** A text option; undefined when it was not given. */
export function textOption(options: Options, key: string): string | undefined {
  const value = options[key];
  return typeof value === 'string' ? value : undefined;
}

/** An option that can be given several times. */
export function textsOption(options: Options, key: string): readonly string[] {
  const value = options[key];
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];
}

/** Collects an option that can be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

function sentence(description: string, type: string | undefined, fallback: string, environment: string): string {
  const facts = [...(type === undefined ? [] : [type]), `default ${fallback}`, environment];
  return `${description.replace(/\.$/, '')} (${facts.join('; ')})`.replaceAll('`', '');
}
