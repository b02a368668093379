import type { FindingCode } from '../lint/findings.ts';
import { FINDING_CODES, FINDINGS } from '../lint/findings.ts';
import { toYaml } from '../wire/yaml-text.ts';
import { SEVERITY_STYLES } from './finding-table.ts';
import { formatTable, paint } from './table.ts';

/** `imc lint --list` */
export function findingListText(output: string | undefined, colour: boolean): string {
  if (output === 'json' || output === 'yaml') {
    const list = FINDING_CODES.map((code) => ({
      code,
      severity: FINDINGS[code].severity,
      title: FINDINGS[code].title,
    }));
    return output === 'json' ? `${JSON.stringify(list, null, 2)}\n` : toYaml(list);
  }
  const rows = FINDING_CODES.map((code) => {
    const { severity, title } = FINDINGS[code];
    return [code, { text: severity, style: SEVERITY_STYLES[severity] }, title];
  });
  return formatTable(['CODE', 'SEVERITY', 'FINDING'], rows, colour);
}

/** `imc lint --explain CODE` */
export function findingDefinitionText(code: FindingCode, output: string | undefined, colour: boolean): string {
  const definition = FINDINGS[code];
  if (output === 'json') return `${JSON.stringify({ code, ...definition }, null, 2)}\n`;
  if (output === 'yaml') return toYaml({ code, ...definition });
  const { severity, title, why, remedy, example } = definition;
  return [
    `${paint(code, 'bold', colour)} (${paint(severity, SEVERITY_STYLES[severity], colour)}): ${title}\n`,
    `\n${wrapped(why)}\n`,
    `\nWhat to do: ${wrapped(remedy, 'What to do: '.length)}\n`,
    `\n${paint('Found in:', 'cyan', colour)}\n\n${indented(example.bad)}`,
    `\n${paint('Not found in:', 'cyan', colour)}\n\n${indented(example.good)}`,
  ].join('');
}

const LINE_WIDTH = 90;

function wrapped(text: string, used = 0): string {
  let column = used;
  return text
    .split(' ')
    .map((word, i) => {
      const breaks = i > 0 && column + word.length + 1 > LINE_WIDTH;
      column = breaks ? word.length : column + word.length + (i > 0 ? 1 : 0);
      if (i === 0) return word;
      return breaks ? `\n${word}` : ` ${word}`;
    })
    .join('');
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
