import { readFileSync } from 'node:fs';

/** What of a `.cpuprofile` is read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly hitCount?: number;
  }[];
}

const ROWS = 25;

/** The functions that took most time themselves, as text. Idle time is left out. */
export function summarizeProfile(file: string): string {
  // Node.js has just written it
  const { nodes } = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const hits = new Map<string, number>();
  let sum = 0;
  for (const { callFrame, hitCount = 0 } of nodes) {
    const { functionName, url, lineNumber } = callFrame;
    if (functionName === '(idle)') continue;
    const place = url === '' ? '' : ` (${url.split('/').at(-1)}:${lineNumber + 1})`;
    const name = `${functionName || '(anonymous)'}${place}`;
    hits.set(name, (hits.get(name) ?? 0) + hitCount);
    sum += hitCount;
  }
  const top = [...hits].toSorted(([, a], [, b]) => b - a).slice(0, ROWS);
  const lines = top.map(([name, count]) => `${((100 * count) / sum).toFixed(1).padStart(5)} %  ${name}`);
  return [`Time by function, in ${file}:`, ...lines].join('\n');
}
