import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isTrusted, strictProblems } from '../certs/strict-client.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { imc } from './recording-terminal.ts';

const FILES = ['ca.crt', 'tls.crt', 'tls.key'] as const;
const DAY_MS = 24 * 60 * 60 * 1000;

/** A folder with a pair made by the command. */
async function generated(...args: readonly string[]) {
  const folder = join(temporaryFolder(), 'made/by/the/command');
  const result = await imc(['certs', 'generate', '--out', folder, ...args]);
  expect({ code: result.code, err: result.err }).toEqual({ code: 0, err: '' });
  const text = (name: (typeof FILES)[number]): string => readFileSync(join(folder, name), 'utf8');
  return {
    folder,
    out: result.out,
    ca: new X509Certificate(text('ca.crt')),
    leaf: new X509Certificate(text('tls.crt')),
    text,
  };
}

describe('imc certs generate', () => {
  it('writes a CA, a certificate and a key that only its owner may read, and names them', async () => {
    const mask = process.umask(0o022);
    onTestFinished(() => void process.umask(mask));
    const { folder, out } = await generated();
    const modes = FILES.map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes[2]).toBe(0o600);
    expect(modes.slice(0, 2).map((mode) => mode & 0o444)).toEqual([0o444, 0o444]);
    expect(out.split('\n').map((line) => line.split('   ')[0])).toEqual([
      ...FILES.map((name) => join(folder, name)),
      '',
    ]);
  });

  it('makes a P-256 certificate that its CA has signed, for the hosts of this machine, for a year', async () => {
    const { ca, leaf, text } = await generated();
    expect(ca.ca).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.checkPrivateKey(createPrivateKey(text('tls.key')))).toBe(true);
    expect(leaf.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
    expect(leaf.checkHost('localhost')).toBe('localhost');
    for (const address of ['127.0.0.1', '::1']) expect(leaf.checkIP(address)).toBe(address);
    expect(Math.round((leaf.validToDate.getTime() - Date.now()) / DAY_MS)).toBe(365);
    expect(text('tls.key')).not.toContain('ENCRYPTED');
  });

  it('certifies the hosts it is told, and only those, for as long as it is told', async () => {
    const { leaf } = await generated('--host', 'imc.imc-system.svc', '--host', '10.0.0.7', '--days', '7');
    expect(leaf.checkHost('imc.imc-system.svc')).toBe('imc.imc-system.svc');
    expect(leaf.checkIP('10.0.0.7')).toBe('10.0.0.7');
    expect(leaf.checkHost('localhost')).toBeUndefined();
    expect(Math.round((leaf.validToDate.getTime() - Date.now()) / DAY_MS)).toBe(7);
  });

  it('makes certificates that the strictest clients accept', async () => {
    const { text } = await generated();
    expect(await strictProblems(text('ca.crt'), text('tls.crt'))).toEqual([]);
    const pair = { certPem: text('tls.crt'), keyPem: text('tls.key'), caPem: text('ca.crt') };
    expect(await isTrusted(pair, 'localhost')).toBe(true);
    expect(await isTrusted(pair, 'elsewhere.svc')).toBe(false);
  });

  it.each(FILES)('does not replace %s unless it is told to', async (name) => {
    const folder = temporaryFolder({ [name]: 'precious' });
    const refused = await imc(['certs', 'generate', '--out', folder]);
    expect(refused).toEqual({
      code: 2,
      out: '',
      err: `Error: ${join(folder, name)} is there already; choose another --out or give --force\n`,
    });
    expect(FILES.filter((file) => exists(join(folder, file)))).toEqual([name]);
    expect(readFileSync(join(folder, name), 'utf8')).toBe('precious');

    const { code } = await imc(['certs', 'generate', '--out', folder, '--force']);
    expect(code).toBe(0);
    expect(readFileSync(join(folder, name), 'utf8')).toContain('-----BEGIN ');
  });

  it('keeps the key to its owner also where a file that anybody may read is replaced', async () => {
    const folder = temporaryFolder({ 'tls.key': 'precious' });
    await imc(['certs', 'generate', '--out', folder, '--force']);
    expect(statSync(join(folder, 'tls.key')).mode & 0o777).toBe(0o600);
  });

  it('says what is wrong with a folder that cannot be made', async () => {
    const folder = join(temporaryFolder({ file: '' }), 'file', 'below');
    const { code, err } = await imc(['certs', 'generate', '--out', folder]);
    expect(code).toBe(2);
    expect(err).toBe(`Error: ${folder}: a part of this path is no folder; check the path\n`);
  });

  it('replaces a pair also where a run was cut short', async () => {
    const folder = temporaryFolder({ 'tls.key.new': 'half a k' });
    const { code, err } = await imc(['certs', 'generate', '--out', folder]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(readdirSync(folder).toSorted()).toEqual([...FILES]);
    expect(statSync(join(folder, 'tls.key')).mode & 0o777).toBe(0o600);
  });

  it.each(['not a host', 'a..b', 'a.', '-a', 'https://a.svc', 'a.svc:443', 'a.*.svc', '*', 'a_b', '256.0.0.1', ''])(
    'says what is wrong with a host that cannot be certified, and makes nothing: %j',
    async (host) => {
      const folder = temporaryFolder();
      expect(await imc(['certs', 'generate', '--out', folder, '--host', 'localhost', '--host', host])).toEqual({
        code: 2,
        out: '',
        err: `Error: --host ${host}: expected a DNS name such as imc.imc-system.svc, or an IP address\n`,
      });
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it.each(['*.imc-system.svc', 'xn--nxasmq6b', '10.in-addr.arpa', 'A-1', `${'a'.repeat(63)}.svc`])(
    'certifies every name there can be: %s',
    async (host) => {
      const { leaf } = await generated('--host', host);
      expect(leaf.subjectAltName).toBe(`DNS:${host}`);
    },
  );
});

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}
