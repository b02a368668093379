import type { DestinationStream } from 'pino';
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

/** Lines are written together: a write of its own for each would cost as much as the whole decision. */
const BATCH_BYTES = 8 * 1024;
/** Each flush wakes a thread, also when there is nothing to write. */
const BATCH_MS = 100;

/** Logs JSON lines to standard output without ever waiting for whoever reads them. */
export function createLogger(level: LogLevel): RootLogger {
  const stream = destination({
    fd: 1,
    sync: false,
    minLength: BATCH_BYTES,
    periodicFlush: BATCH_MS,
    maxLength: BUFFER_LIMIT_BYTES,
  });
  const logger = lineLogger(level, stream);
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

/** Writes the lines of `createLogger` for nobody: a rehearsal takes the whole way, and leaves no trace. */
export function unheardLogger(): Logger {
  return lineLogger('info', { write: nothing });
}

function lineLogger(level: LogLevel, stream: DestinationStream) {
  return pino(
    {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp,
    },
    stream,
  );
}

let second = 0;
let secondText = '';

/** The time of a line in ISO 8601. Most lines share their second with the line before: only milliseconds are new. */
function timestamp(): string {
  const nowMs = Date.now();
  const milliseconds = nowMs % 1000;
  if (nowMs - milliseconds !== second) {
    second = nowMs - milliseconds;
    secondText = new Date(second).toISOString().slice(0, -4);
  }
  return `,"time":"${secondText}${String(milliseconds).padStart(3, '0')}Z"`;
}

/** A logger that says nothing, for work whose problems are told in another way. */
export function silentLogger(): Logger {
  const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent };
  return silent;
}

function nothing(): void {}
