import type { Logger, LogLevel } from '../../src/telemetry/logger.ts';

/** One line as it was logged, with the fields of the loggers above. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what was logged. */
export class RecordingLogger implements Logger {
  readonly lines: LogLine[];
  readonly #fields: object;

  constructor(lines: LogLine[] = [], fields: object = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(fields: object, message: string): void {
    this.#record('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.#record('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.#record('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.#record('error', fields, message);
  }

  child(fields: object): Logger {
    return new RecordingLogger(this.lines, { ...this.#fields, ...fields });
  }

  /** The lines of this level or message. */
  of(what: LogLevel | (string & {})): readonly LogLine[] {
    return this.lines.filter(({ level, message }) => level === what || message === what);
  }

  #record(level: LogLevel, fields: object, message: string): void {
    this.lines.push({ level, message, fields: { ...this.#fields, ...fields } });
  }
}
