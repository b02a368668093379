import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod } from '../support/pod-builder.ts';
import { aReview } from '../support/review-builder.ts';
import { ReviewPoster } from './https-client.ts';
import type { ApplicationInputs } from './running-application.ts';
import { startApplication } from './running-application.ts';
import { temporaryFolder } from './temporary-folder.ts';

const POD = anEciPod().withImages('mysql:8.4', 'grafana/grafana:11.1');

async function aServer(inputs: Partial<ApplicationInputs> = {}) {
  const dir = temporaryFolder(inputs.dir === undefined ? {} : { 'cache.yaml': inputs.dir });
  const application = await startApplication({ createsCaches: true, ...inputs, dir });
  const { server, ca, operations } = application;
  const poster = new ReviewPoster(server, ca);
  onTestFinished(async () => {
    poster.close();
    await application.stop();
  });
  const outcome = async (pod: PodBuilder = POD, dryRun = false): Promise<string> => {
    const { text } = await poster.post(JSON.stringify(aReview(pod).asDryRun(dryRun).build()));
    const { response } = JSON.parse(text) as { response: { auditAnnotations: { outcome: string } } }; // always audited
    return response.auditAnnotations.outcome;
  };
  const made = (): readonly string[] => {
    const folder = join(dir, 'auto-created');
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.yaml')) : [];
  };
  const metrics = async (): Promise<string> => (await fetch(`${operations}/metrics`)).text();
  return { dir, outcome, made, metrics };
}

const until = (condition: () => Promise<boolean>): Promise<void> =>
  vi.waitUntil(condition, { timeout: 120_000, interval: 20 }).then(() => undefined);

describe('imc serve with files: the controller (spec N1)', () => {
  it('makes an ImageCache for a pod that nothing covers, builds it, and pins it to the next', async () => {
    const { dir, outcome, made, metrics } = await aServer();
    expect(await outcome()).toBe('NoMatch');
    await until(async () => (await outcome()) === 'CompleteMatch');
    expect(made()).toHaveLength(1);
    const text = readFileSync(join(dir, 'auto-created', made()[0] ?? ''), 'utf8');
    expect(text).toContain('imc-webhook/auto-created: "true"');
    expect(text).toContain('phase: Ready');
    expect(await metrics()).toContain('imc_autocreate_total{result="created"} 1\n');
  });

  it('makes one for 200 pods with the same images', async () => {
    const { outcome, made } = await aServer();
    await Promise.all(Array.from({ length: 200 }, () => outcome()));
    await until(async () => (await outcome()) === 'CompleteMatch');
    expect(made()).toHaveLength(1);
  });

  it.each<[string, Partial<ApplicationInputs>, boolean]>([
    ['dry runs', {}, true],
    ['reviews in mode observe', { decision: () => ({ ...DEFAULT_SETTINGS, mode: 'observe' }) }, false],
    ['anything when switched off', { createsCaches: false }, false],
  ])('makes none for %s', async (_title, inputs, dryRun) => {
    const { outcome, made, metrics } = await aServer(inputs);
    await outcome(POD, dryRun);
    // Another pod that is answered afterwards, and refused for its tag: by then the first one was looked at too.
    await outcome(anEciPod().withImage('nginx:latest'));
    if (inputs.decision === undefined) {
      await until(async () => /^imc_autocreate_total\{result="refused"\} [1-9]/m.test(await metrics()));
    }
    expect(made()).toEqual([]);
  });

  it('builds an ImageCache that somebody wrote, and leaves the file as it is', async () => {
    const manifest =
      'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: mine}\nspec: {images: [mysql:8.4, grafana/grafana:11.1]}\n';
    const { dir, outcome, made } = await aServer({ dir: manifest });
    await until(async () => (await outcome()) === 'CompleteMatch');
    expect(readFileSync(join(dir, 'cache.yaml'), 'utf8')).toBe(manifest);
    expect(made()).toEqual([]);
  });
});
