import { describe, expect, it } from 'vitest';
import { parseSettingsFile } from '../../src/config/settings-file.ts';

describe('parseSettingsFile', () => {
  it('gives dotted keys, values and where they stand', () => {
    const text = '# comment\nmode: observe\n\nlog:\n  level: debug\ntls: { cert: "c",\n  key: k }\nport: 9443\n';
    expect(parseSettingsFile(text, 'imc.yaml')).toEqual({
      given: [
        { key: 'mode', value: 'observe', origin: 'imc.yaml:2:7' },
        { key: 'log.level', value: 'debug', origin: 'imc.yaml:5:10' },
        { key: 'tls.cert', value: 'c', origin: 'imc.yaml:6:14' },
        { key: 'tls.key', value: 'k', origin: 'imc.yaml:7:8' },
        { key: 'port', value: 9443, origin: 'imc.yaml:8:7' },
      ],
      problems: [],
    });
  });

  it('points at the name of an unknown key', () => {
    const { given } = parseSettingsFile('log:\n  style: fancy\nmood: good\n', 'f');
    expect(given).toEqual([
      { key: 'log.style', value: undefined, origin: 'f:2:3' },
      { key: 'mood', value: undefined, origin: 'f:3:1' },
    ]);
  });

  it('follows aliases', () => {
    const { given, problems } = parseSettingsFile('dir: &it web\ncaOut: *it\nhost: *it', 'f');
    expect(given.map(({ value }) => value)).toEqual(['web', 'web', 'web']);
    expect(problems).toEqual([]);
  });

  it('reads YAML 1.2: on and off are words', () => {
    const { given } = parseSettingsFile('warnings: off\nmode: on\n', 'f');
    expect(given.map(({ value }) => value)).toEqual(['off', 'on']);
  });

  it.each([
    ['a wrong indent', 'mode: observe\n log: x\n', 'f:1:7', /^not valid YAML: /],
    ['a key twice', 'mode: observe\nmode: off\n', 'f:2:1', /^not valid YAML: Map keys must be unique/],
    ['an open quote', 'mode: "off\n', 'f:2:1', /^not valid YAML: Missing closing "quote/],
    ['an unknown tag', 'mode: !secret off\n', 'f:1:7', /^not valid YAML: Unresolved tag: !secret/],
    ['a list', '- mode: off\n', 'f:1:1', /^expected a mapping such as \{ mode: observe \}$/],
    ['a word', '\nobserve\n', 'f:2:1', /^expected a mapping such as/],
    ['two documents', 'mode: off\n---\nport: 1\n', 'f:3:1', /^expected one document; remove this one$/],
    ['a group with a value', 'tls: mine.crt\n', 'f:1:6', /^expected a mapping such as tls: \{ cert: … \}$/],
    [
      'an alias without an anchor',
      'mode: *nowhere\n',
      'f:1:7',
      /^no anchor comes before this alias; write the value itself$/,
    ],
    ['a group without its anchor', 'log: *nowhere\n', 'f:1:6', /^no anchor comes before this alias/],
    ['a key that is a list', '[a]: b\n', 'f:1:1', /^not valid YAML: /],
  ])('reports %s', (_title, text, origin, problem) => {
    const { problems } = parseSettingsFile(text, 'f');
    expect(problems).toEqual([
      { key: expect.any(String) as string, origin, problem: expect.stringMatching(problem) as string },
    ]);
  });

  it('never unfolds aliases of aliases', () => {
    const bomb = Array.from({ length: 40 }, (_, i) => `a${i}: &a${i} [${i === 0 ? 'x' : `*a${i - 1},*a${i - 1}`}]`);
    const { given } = parseSettingsFile([...bomb, 'mode: *a39'].join('\n'), 'f');
    expect(given.at(-1)).toEqual({ key: 'mode', value: [{}, {}], origin: 'f:41:7' });
  });

  it('survives a mapping that holds itself', () => {
    const { given } = parseSettingsFile('log: &log { level: *log, log: *log }\n', 'f');
    expect(given).toMatchObject([
      { key: 'log.level', value: {} },
      { key: 'log.log', value: undefined },
    ]);
  });

  it('survives deep nesting', () => {
    const { given, problems } = parseSettingsFile(`mode: ${'['.repeat(20_000)}`, 'f');
    expect([...given, ...problems]).not.toHaveLength(0);
  });
});
