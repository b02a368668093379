import { ambiguousScalars } from '../wire/yaml-1-1.ts';
import type { FindingReport } from './finding-report.ts';

/** Maps whose values the API server wants as texts. */
const TEXT_MAPS: ReadonlySet<string> = new Set(['labels', 'annotations', 'nodeSelector', 'matchLabels', 'data']);

/** Fields whose numbers are written in octal on purpose. */
const FILE_MODES: ReadonlySet<string> = new Set(['mode', 'defaultMode']);

/** Reports values that kubectl, which speaks YAML 1.1, reads differently. */
export function lintSpelling(file: string, text: string, report: FindingReport): void {
  for (const { text: written, readAs, position, keys } of ambiguousScalars(file, text)) {
    const key = keys.at(-1) ?? '';
    if (FILE_MODES.has(key)) continue;
    const kind = readAs === 'true' || readAs === 'false' ? `the boolean ${readAs}` : `the number ${readAs}`;
    const place = { file, ...position };
    if (TEXT_MAPS.has(keys.at(-2) ?? '')) {
      // Numbers to us, too: they are found with all other values that are no texts.
      if (/^[-+]?\d+$/.test(written)) continue;
      const message = `kubectl reads the value of ${key}, ${written}, as ${kind}, not as a text`;
      report.add('IMC004', place, message, `put it in quotes: "${written}"`);
    } else {
      const subject = key === '' ? written : `the value of ${key}, ${written},`;
      report.add(
        'IMC005',
        place,
        `kubectl reads ${subject} as ${kind}`,
        `write ${readAs}, or "${written}" for the text`,
      );
    }
  }
}
