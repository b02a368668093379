import { isPair, isScalar, parseAllDocuments, visit } from 'yaml';
import type { Position } from './manifest-error.ts';
import { readJson } from './manifest-json.ts';
import { ManifestText } from './manifest-text.ts';

/** A plain scalar that kubectl and Helm, which speak YAML 1.1, read differently from YAML 1.2. */
export interface AmbiguousScalar {
  /** As written. */
  readonly text: string;
  /** What kubectl makes of it: `true`, `false` or a number. */
  readonly readAs: string;
  readonly position: Position;
  /** The keys on the way to it; items of lists have none. */
  readonly keys: readonly string[];
}

/**
 * The plain scalars of a manifest that can be parsed and that kubectl reads differently from us: `on`, `yes` and their
 * like are booleans to it, `0777` is octal, `1_000` and `0b11` are numbers. Costs little where there are none.
 *
 * @see https://yaml.org/type/bool.html; kubectl also takes the single letters, and no words in mixed case such as `oN`.
 */
export function ambiguousScalars(file: string, text: string): AmbiguousScalar[] {
  if (!SUSPICIOUS.test(text)) return [];
  const source = new ManifestText(file, text.startsWith('\uFEFF') ? text.slice(1) : text);
  if (readJson(source) !== undefined) return [];
  const found: AmbiguousScalar[] = [];
  for (const document of parseAllDocuments(source.text, { schema: 'core', uniqueKeys: false, logLevel: 'error' })) {
    visit(document, {
      Scalar: (role, { source: spelling, type, tag, range }, ancestors) => {
        if (role === 'key' || type !== 'PLAIN' || tag !== undefined || spelling === undefined || range == null) return;
        const readAs = readByKubectl(spelling);
        if (readAs === undefined) return;
        const keys = ancestors.filter(isPair).map(({ key }) => String(isScalar(key) ? key.value : key));
        found.push({ text: spelling, readAs, position: source.positionAt(range[0]), keys });
      },
    });
  }
  return found;
}

/** A word that may be one of those below, at the end of a line or before what ends a value. */
const SUSPICIOUS =
  /[\s:[{,-](?:y|n|yes|no|on|off|[-+]?0[0-7_]+|[-+]?0b[01_]+|[-+]?\d+_[\d_]*)[ \t]*(?:\r?$|[,\]}]| #)/im;

/** Unlike other words, these are booleans only in three spellings each, as in the YAML 1.1 of Go programs. */
const TRUE_WORDS = /^(?:y|Y|yes|Yes|YES|on|On|ON)$/;
const FALSE_WORDS = /^(?:n|N|no|No|NO|off|Off|OFF)$/;
const OCTAL = /^([-+]?)0([0-7]+)$/;
const BINARY = /^([-+]?)0b([01]+)$/;
const DECIMAL = /^[-+]?[1-9]\d*$/;

function readByKubectl(text: string): string | undefined {
  if (TRUE_WORDS.test(text)) return 'true';
  if (FALSE_WORDS.test(text)) return 'false';
  const digits = text.replaceAll('_', '');
  const octal = OCTAL.exec(digits);
  if (octal !== null) return numeral(octal[1], Number.parseInt(octal[2] ?? '', 8));
  const binary = BINARY.exec(digits);
  if (binary !== null) return numeral(binary[1], Number.parseInt(binary[2] ?? '', 2));
  return digits !== text && DECIMAL.test(digits) ? String(Number(digits)) : undefined;
}

function numeral(sign: string | undefined, value: number): string {
  return `${sign === '-' ? '-' : ''}${value}`;
}
