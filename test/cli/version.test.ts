import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { imc } from './recording-terminal.ts';

describe('imc version', () => {
  const facts = {
    version: packageJson.version,
    node: process.versions.node,
    platform: `${process.platform}/${process.arch}`,
  };

  it('prints one line for people', async () => {
    expect(await imc(['version'])).toEqual({
      code: 0,
      out: `imc ${facts.version} (Node.js ${facts.node}, ${facts.platform})\n`,
      err: '',
    });
  });

  it('prints JSON for programs', async () => {
    const { code, out } = await imc(['version', '-o', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(facts);
  });

  it('prints YAML for programs', async () => {
    const { code, out } = await imc(['version', '-o', 'yaml']);
    expect(code).toBe(0);
    expect(parse(out)).toEqual(facts);
  });
});
