/** Where in a text something stands. Lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where an object came from, so that a message can point at it. */
export interface Origin {
  /** The file as the user named it, or `<stdin>`. */
  readonly file: string;
  /** Position of a value by its path in the object (`['spec', 'images', 0]`), as near as it can be found. */
  position(path: readonly (string | number)[]): Position | undefined;
  /** Position of the key a value stands under; of the value itself in a list, and where no key is found. */
  keyPosition?(path: readonly (string | number)[]): Position | undefined;
  /** Position in the file of a character of a text value, where the file spells that text line by line. */
  positionIn?(path: readonly (string | number)[], offset: number): Position | undefined;
}

/** Where an error stands, and what it came from. */
interface ManifestErrorOptions {
  readonly location?: string;
  readonly position?: Position | undefined;
  readonly field?: string;
  readonly cause?: unknown;
}

/** An object that cannot be used: names the object, the field, what was expected and where it stands. */
export class ManifestError extends Error {
  readonly code = 'ERR_MANIFEST_INVALID';
  /** `file:line:column`, as far as known; empty for objects from elsewhere. */
  readonly location: string;
  /** Line and column of {@link location}, where they are known. */
  readonly position: Position | undefined;
  /** Path of the field, such as `spec.images[0]`; empty when the whole object is meant. */
  readonly field: string;
  /** What is wrong and what to do, without the location. */
  readonly problem: string;

  constructor(problem: string, options: ManifestErrorOptions = {}) {
    const { location = '', field = '', position } = options;
    const prefix = [location, field].filter((part) => part !== '').join(': ');
    super(prefix === '' ? problem : `${prefix}: ${problem}`, { cause: options.cause });
    this.name = 'ManifestError';
    this.location = location;
    this.position = position;
    this.field = field;
    this.problem = problem;
  }

  /** An error about one field of an object, located as far as its origin knows. */
  static at(origin: Origin | undefined, path: readonly (string | number)[], problem: string): ManifestError {
    const position = origin?.position(path);
    const location = [origin?.file, position?.line, position?.column].filter((part) => part !== undefined).join(':');
    return new ManifestError(problem, { location, position, field: formatPath(path) });
  }
}

/** `['spec', 'images', 0]` as `spec.images[0]`; keys that are no words in brackets and quotes. */
export function formatPath(path: readonly (string | number)[]): string {
  return path
    .map((step, i) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[\w$-]+$/.test(step)) return `[${JSON.stringify(step)}]`;
      return i === 0 ? step : `.${step}`;
    })
    .join('');
}
