import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { copyOf, execForm, type Instruction, isInContext, parseDockerfile, type Stage } from './dockerfile.ts';

/** What a container of the image would start. */
export interface Image {
  /** The folder that stands for `/`. */
  readonly root: string;
  readonly workdir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly user: number;
  readonly group: number;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Takes the steps of a Dockerfile in folders: every stage has one that stands for its `/`. The images that stages start
 * from are not there, so commands run with the programs of this machine.
 *
 * @param context - the folder of the Dockerfile.
 * @param scratch - an empty folder.
 * @throws Error for an instruction not known here, for a path that .dockerignore keeps out, and if a command fails.
 */
export function buildImage(context: string, scratch: string, say: (step: string) => void): Image {
  const dockerignore = readFileSync(join(context, '.dockerignore'), 'utf8');
  const roots = new Map<string, string>();
  let image: Image | undefined;
  for (const stage of parseDockerfile(readFileSync(join(context, 'Dockerfile'), 'utf8'))) {
    const root = join(scratch, stage.name);
    mkdirSync(root, { recursive: true });
    image = new StageBuilder(stage, { root, context, dockerignore, roots, say }).build();
    roots.set(stage.name, root);
  }
  if (image === undefined) throw new Error('Dockerfile: no stage');
  return image;
}

interface Surroundings {
  readonly root: string;
  readonly context: string;
  readonly dockerignore: string;
  /** The folders of the stages before, by name. */
  readonly roots: ReadonlyMap<string, string>;
  readonly say: (step: string) => void;
}

class StageBuilder {
  readonly #stage: Stage;
  readonly #around: Surroundings;
  readonly #environment: Record<string, string> = {};
  readonly #labels: Record<string, string> = {};
  #workdir = '/';
  #user = 0;
  #group = 0;
  #entrypoint: readonly string[] = [];
  #command: readonly string[] = [];

  constructor(stage: Stage, around: Surroundings) {
    this.#stage = stage;
    this.#around = around;
  }

  build(): Image {
    this.#around.say(`FROM ${this.#stage.image}`);
    for (const instruction of this.#stage.instructions) {
      this.#around.say(`${instruction.word} ${instruction.rest}`);
      this.#take(instruction);
    }
    return {
      root: this.#around.root,
      workdir: this.#workdir,
      environment: this.#environment,
      user: this.#user,
      group: this.#group,
      entrypoint: this.#entrypoint,
      command: this.#command,
      labels: this.#labels,
    };
  }

  #take(instruction: Instruction): void {
    const { word, rest, line } = instruction;
    switch (word) {
      case 'ARG':
      case 'EXPOSE':
        return;
      case 'ENV':
        Object.assign(this.#environment, pairsOf(rest));
        return;
      case 'LABEL':
        Object.assign(this.#labels, pairsOf(rest));
        return;
      case 'WORKDIR':
        this.#workdir = resolve(this.#workdir, rest);
        mkdirSync(this.#here(this.#workdir), { recursive: true });
        return;
      case 'COPY':
        this.#copy(instruction);
        return;
      case 'RUN':
        this.#run(rest);
        return;
      case 'USER': {
        const [user, group] = rest.split(':').map(Number);
        [this.#user, this.#group] = [user ?? 0, group ?? 0];
        return;
      }
      case 'ENTRYPOINT':
        this.#entrypoint = execForm(instruction);
        return;
      case 'CMD':
        this.#command = execForm(instruction);
        return;
      default:
        throw new Error(`Dockerfile:${line}: script/check-image does not know ${word}`);
    }
  }

  #copy(instruction: Instruction): void {
    const { from, sources, target } = copyOf(instruction);
    const base = from === undefined ? this.#around.context : this.#around.roots.get(from);
    if (base === undefined) throw new Error(`Dockerfile:${instruction.line}: no stage ${from}`);
    const destination = this.#here(resolve(this.#workdir, target));
    const isFolder = target.endsWith('/') || (existsSync(destination) && statSync(destination).isDirectory());
    for (const source of sources) {
      if (from === undefined && !isInContext(source, this.#around.dockerignore)) {
        throw new Error(`Dockerfile:${instruction.line}: .dockerignore keeps ${source} out of the build context`);
      }
      const path = join(base, source);
      // COPY of a folder copies what is in it.
      const into = isFolder && !statSync(path).isDirectory() ? join(destination, basename(source)) : destination;
      cpSync(path, into, { recursive: true });
    }
  }

  #run(command: string): void {
    // How npm finds a registry and its cache is a matter of the machine.
    const env = { ...process.env, ...this.#environment };
    execFileSync('/bin/sh', ['-ec', command], {
      cwd: this.#here(this.#workdir),
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  #here(path: string): string {
    return join(this.#around.root, path);
  }
}

/** `a=b c="d e"` */
function pairsOf(text: string): Record<string, string> {
  const pairs = text.matchAll(/([\w.-]+)=(?:"([^"]*)"|(\S*))/g);
  return Object.fromEntries([...pairs].map(([, name = '', quoted, bare]) => [name, quoted ?? bare ?? '']));
}

/** Every file below a folder. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}
