import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { IndexFacts } from './index-process.ts';
import { keep } from './processes.ts';
import type { PartReport, Progress } from './report.ts';
import { formatNumber } from './report.ts';

const BYTES_PER_CACHE_AT_MOST = 2048;

/** How many caches, and how often the index is built. */
export interface IndexPlan {
  readonly caches: number;
  readonly builds: number;
}

/** Part b: what the index of a typical world costs to build, to change and to keep; measured in a process of its own. */
export async function indexCost(plan: IndexPlan, progress: Progress): Promise<PartReport> {
  progress.show(`b  index of ${plan.caches} caches`);
  const facts = await factsOf(plan);
  const { bytesPerCache, decodeMs, buildMs, updateUs } = facts;
  const caches = formatNumber(plan.caches);
  return {
    title: `b  The index of ${caches} caches`,
    figures: [
      { name: 'decode all caches from parsed JSON', value: decodeMs.median, unit: 'ms', note: rangeOf(decodeMs) },
      { name: 'build the index of all caches', value: buildMs.median, unit: 'ms', note: rangeOf(buildMs) },
      { name: 'one update: median', value: updateUs.median, unit: 'µs' },
      { name: 'one update: p99', value: updateUs.p99, unit: 'µs' },
      {
        name: 'memory per cache',
        value: bytesPerCache,
        unit: 'bytes',
        atMost: BYTES_PER_CACHE_AT_MOST,
        note: `${formatNumber(facts.decodedBytesPerCache)} decoded, the rest index; ${formatNumber(facts.textBytesPerCache)} as JSON`,
      },
    ],
    details: facts,
  };
}

function factsOf({ caches, builds }: IndexPlan): Promise<IndexFacts> {
  return new Promise((resolve, reject) => {
    const file = fileURLToPath(new URL('index-process.ts', import.meta.url));
    const child = keep(fork(file, [String(caches), String(builds)], { execArgv: ['--expose-gc'], stdio: 'inherit' }));
    child.once('error', reject);
    // index-process.ts sends one message, of this type
    child.once('message', (facts) => resolve(facts as IndexFacts));
    child.once('exit', (code) => reject(new Error(`index-process.ts ended with ${code} and said nothing`)));
  });
}

function rangeOf({ range }: { readonly range: readonly [number, number] }): string {
  return `${formatNumber(range[0])} to ${formatNumber(range[1])}`;
}
