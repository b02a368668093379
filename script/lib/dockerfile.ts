/** One instruction of a Dockerfile, with its words in upper case and what follows on one line. */
export interface Instruction {
  readonly word: string;
  readonly rest: string;
  readonly line: number;
}

/** What stands between one FROM and the next. */
export interface Stage {
  /** The image it starts from, with the defaults of ARG filled in. */
  readonly image: string;
  /** What other stages call it; its number if it has no name. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/**
 * Reads a Dockerfile into its stages. Knows what ours uses: comments, lines continued by a backslash, ARG before FROM.
 *
 * @throws Error for an instruction before FROM that is no ARG, and for a variable in FROM that no ARG gives.
 */
export function parseDockerfile(text: string): Stage[] {
  const stages: { image: string; name: string; instructions: Instruction[] }[] = [];
  const defaults = new Map<string, string>();
  for (const instruction of instructions(text)) {
    const { word, rest, line } = instruction;
    if (word === 'FROM') {
      const [, image = '', name = `${stages.length}`] =
        /^(?:--platform=\S+ +)?(\S+)(?: +AS +(\S+))?$/i.exec(rest) ?? [];
      stages.push({ image: filledIn(image, defaults, line), name, instructions: [] });
    } else if (stages.length > 0) {
      stages.at(-1)?.instructions.push(instruction);
    } else if (word === 'ARG') {
      const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(rest) ?? [];
      defaults.set(name, value);
    } else {
      throw new Error(`Dockerfile:${line}: ${word} before FROM`);
    }
  }
  return stages;
}

/** The words of an instruction in exec form, such as `["node", "app.js"]`. */
export function execForm({ rest, line }: Instruction): string[] {
  let words: unknown;
  try {
    words = JSON.parse(rest);
  } catch {
    words = undefined;
  }
  if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words;
  throw new Error(`Dockerfile:${line}: expected a list in square brackets, since there is no shell`);
}

/** What COPY says; sources of the build context when `from` is undefined. */
export function copyOf({ rest }: Instruction): {
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
} {
  const words = rest.split(/\s+/);
  const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
  const target = words.pop() ?? '';
  return { from, sources: words, target };
}

/**
 * Whether a path is part of the build context by a .dockerignore of our form: first `*`, then what is let in.
 *
 * @throws Error if the file has another form.
 */
export function isInContext(path: string, dockerignore: string): boolean {
  const [all, ...letIn] = dockerignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  if (all !== '*' || !letIn.every((line) => /^![\w./-]+$/.test(line))) {
    throw new Error('.dockerignore: expected `*` and then only lines such as `!src`');
  }
  return letIn.some((line) => path === line.slice(1) || path.startsWith(`${line.slice(1)}/`));
}

function* instructions(text: string): Generator<Instruction> {
  let words = '';
  let start = 0;
  for (const [i, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    if (words === '') start = i + 1;
    words += line.replace(/\\$/, '');
    if (line.endsWith('\\')) continue;
    const [, word = '', rest = ''] = /^(\S+)\s+([^]*)$/.exec(words.trim()) ?? [];
    yield { word: word.toUpperCase(), rest: rest.trim(), line: start };
    words = '';
  }
}

function filledIn(image: string, defaults: ReadonlyMap<string, string>, line: number): string {
  return image.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = defaults.get(name);
    if (value === undefined || value === '') throw new Error(`Dockerfile:${line}: no ARG gives ${name} a default`);
    return value;
  });
}
