/** Port: a text that outlives the process: a file, or a key of a ConfigMap. */
export interface Note {
  /** `undefined` when nothing was ever written. */
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}
