import type { RootLogger } from '../telemetry/logger.ts';

/** How a program that runs until a signal comes is ended. */
export interface Ending {
  /** Ends it in good order. */
  readonly stop: () => Promise<void>;
  /** What the log says of it when it begins, beside the reason. */
  readonly details: () => object;
}

/** Waits for the first signal and ends in good order; a second signal ends the program at once (spec S3). */
export function untilStopped({ stop, details }: Ending, logger: RootLogger): Promise<0 | 1> {
  return new Promise((resolve) => {
    let isStopping = false;
    const begin = (reason: string, code: 0 | 1): void => {
      if (isStopping) {
        logger.warn({ reason }, 'stopping at once');
        resolve(1);
        return;
      }
      isStopping = true;
      logger.info({ reason, ...details() }, 'draining');
      stop().then(
        () => {
          logger.info({}, 'stopped');
          resolve(code);
        },
        (err: unknown) => {
          logger.error({ err }, 'stopping failed');
          resolve(1);
        },
      );
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => begin(signal, 0));
    // A bug outside of a review: others may be in flight, so they are answered before the program ends.
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (err: unknown) => {
        logger.error({ err }, event);
        if (!isStopping) begin(event, 1);
      });
    }
  });
}
