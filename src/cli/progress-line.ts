import type { Terminal } from './terminal.ts';

/** How often the line changes: often enough to see that something happens. */
const EVERY_MS = 100;

/** A line on standard error that says how far long work is; nothing unless a person is reading. */
export class ProgressLine {
  readonly #terminal: Terminal;
  #shownAtMs = performance.now();
  #isShown = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Shows a text in place of the last, if that has stood long enough. */
  show(text: string): void {
    if (!this.#terminal.interactive || performance.now() - this.#shownAtMs < EVERY_MS) return;
    this.#shownAtMs = performance.now();
    this.#isShown = true;
    this.#terminal.err(`\r\u001b[K${text}`);
  }

  /** Takes the line away, before something else is written. */
  clear(): void {
    if (this.#isShown) this.#terminal.err('\r\u001b[K');
    this.#isShown = false;
  }
}
