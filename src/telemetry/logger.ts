import { destination, pino } from 'pino';

/** How much is logged. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A logger of constant messages with facts in fields; one JSON line each (spec S5). */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger that adds these fields to every line, such as `{ component: 'admission' }`. */
  child(fields: object): Logger;
}

/** The root logger: its level can change while the program runs, and it can be flushed before the program ends. */
export interface RootLogger extends Logger {
  setLevel(level: LogLevel): void;
  flush(): Promise<void>;
}

/** What waits for a slow reader at most; beyond that lines are dropped rather than memory filled. */
const BUFFER_LIMIT_BYTES = 16 * 1024 * 1024;

/** Logs JSON lines to standard output without ever waiting for whoever reads them. */
export function createLogger(level: LogLevel): RootLogger {
  const stream = destination({ fd: 1, sync: false, minLength: 0, maxLength: BUFFER_LIMIT_BYTES });
  const logger = pino(
    {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    stream,
  );
  return Object.assign(logger, {
    setLevel: (next: LogLevel) => {
      logger.level = next;
    },
    flush: () =>
      new Promise<void>((resolve) => {
        stream.flush(() => resolve());
      }),
  });
}

/** A logger that says nothing, for work whose problems are told in another way. */
export function silentLogger(): Logger {
  const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent };
  return silent;
}

function nothing(): void {}
