import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import type { ServingCertificate } from '../../src/certs/certificate-source.ts';
import { aPair, aPairMade } from '../certs/pairs.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { imc } from './recording-terminal.ts';

let pair: ServingCertificate & { readonly caPem: string };

beforeAll(async () => {
  pair = await aPair();
});

/** A folder as `imc certs generate` writes it. */
function folder(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  return temporaryFolder({ 'tls.crt': pair.certPem, 'tls.key': pair.keyPem, 'ca.crt': pair.caPem, ...files });
}

/** A TLS server with the pair, which is closed after the test. */
async function serving({ certPem, keyPem }: ServingCertificate = pair): Promise<string> {
  return listen(createServer({ cert: certPem, key: keyPem }).on('tlsClientError', () => {}));
}

async function listen(server: Server): Promise<string> {
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port
}

describe('imc certs show', () => {
  it('shows what stands in a folder, and what belongs together', async () => {
    const dir = folder();
    const { code, out, err } = await imc(['certs', 'show', '--dir', dir]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { fingerprint256 } = new X509Certificate(pair.certPem);
    for (const line of [
      `${join(dir, 'tls.crt')}\n  subject    CN=eci-imagecache-webhook\n  issuer     CN=eci-imagecache-webhook CA\n`,
      '  names      DNS:localhost, IP:127.0.0.1, IP:::1, DNS:eci-imagecache-webhook.imc-system.svc\n',
      `  key        ECDSA P-256, which is in ${join(dir, 'tls.key')}\n  use        server, digital signature\n`,
      `  signed by  ${join(dir, 'ca.crt')}\n`,
      `  SHA-256    ${fingerprint256}\n`,
      `${join(dir, 'ca.crt')}\n`,
      '  use        CA, certificate signing, CRL signing\n',
      '  signed by  itself\n',
    ]) {
      expect(out).toContain(line);
    }
    expect(out).toMatch(/ {2}valid {6}\S+Z to \S+Z \(36[45] days left\)\n/);
  });

  it('numbers the certificates of a bundle, and says which of them signed which', async () => {
    const file = join(temporaryFolder({ 'bundle.crt': pair.certPem + pair.caPem }), 'bundle.crt');
    const { out } = await imc(['certs', 'show', file]);
    expect(out).toContain(`${file} (1 of 2)\n`);
    expect(out).toContain(`  signed by  ${file} (2 of 2)\n`);
    expect((await imc(['certs', 'show', join(folder(), 'tls.crt')])).out).toContain('  signed by  none of these\n');
  });

  it('says when a certificate has ended, or has not begun', async () => {
    const ended = join(folder({ 'tls.crt': (await aPairMade(-400)).certPem }), 'tls.crt');
    expect((await imc(['certs', 'show', ended])).out).toMatch(/\(ended 3[56] days ago\)/);
    const begins = join(folder({ 'tls.crt': (await aPairMade(40)).certPem }), 'tls.crt');
    expect((await imc(['certs', 'show', begins], { colour: true })).out).toContain('\u001b[31mnot yet valid\u001b[39m');
  });

  it.each(['json', 'yaml'])('-o %s has the same for programs', async (format) => {
    const { code, out } = await imc(['certs', 'show', '-d', folder(), '-o', format]);
    expect(code).toBe(0);
    const [leaf, ca] = (format === 'json' ? JSON.parse(out) : parse(out)) as Record<string, unknown>[];
    expect(leaf).toMatchObject({
      position: 1,
      names: ['DNS:localhost', 'IP:127.0.0.1', 'IP:::1', 'DNS:eci-imagecache-webhook.imc-system.svc'],
      notAfter: pair.notAfter.toISOString(),
      key: 'ECDSA P-256',
      isCa: false,
      purposes: ['server'],
      signedBy: { position: 1 },
    });
    expect(leaf?.['daysLeft']).toBeGreaterThan(360);
    expect(ca).toMatchObject({ isCa: true, subject: 'CN=eci-imagecache-webhook CA' });
  });

  it('reads standard input, and asks servers', async () => {
    const piped = await imc(['certs', 'show', '-'], { stdin: pair.certPem });
    const { code, out } = await imc(['certs', 'show', '--server', await serving()]);
    expect(code).toBe(0);
    expect(out.replace(/^.*\n/, '')).toBe(piped.out.replace(/^.*\n/, ''));
    expect(piped.out).toMatch(/^<stdin>\n/);
  });

  it.each<[string, string | Uint8Array | (() => string | Uint8Array), RegExp]>([
    ['a key', () => pair.keyPem, /this is a private key, not a certificate; name the file of the certificate/],
    ['DER', () => new X509Certificate(pair.certPem).raw, /in DER form, .*; convert it: openssl x509 -inform der/],
    [
      'base64 of PEM',
      () => Buffer.from(pair.caPem).toString('base64'),
      /base64 of PEM, .*; decode it first: base64 -d/,
    ],
    ['nothing', '', /the file is empty/],
    ['blanks', ' \n', /the file is empty/],
    ['text', 'apiVersion: v1\n', /no certificate in PEM form found/],
    ['random bytes', new Uint8Array(3000).map((_, i) => i * 7), /no certificate in PEM form found/],
    ['half a certificate', () => pair.certPem.slice(0, 300), /a certificate is cut short/],
    [
      'a damaged certificate',
      () => pair.certPem.replace(/\n(.{20})/, '\n'),
      /the certificate cannot be read, its text is damaged/,
    ],
    [
      'a damaged second certificate',
      () => pair.certPem + pair.caPem.replace(/\n(.{20})/, '\n'),
      /certificate 2 of 2 cannot be read/,
    ],
    [
      'a request',
      '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
      /this is a request for a certificate/,
    ],
  ])('says what a file is that is no certificate: %s', async (_title, content, problem) => {
    const file = join(temporaryFolder({ x: typeof content === 'function' ? content() : content }), 'x');
    for (const command of ['show', 'verify']) {
      const { code, out, err } = await imc(['certs', command, file]);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toMatch(/^Error: [^\n]*\n$/);
      expect(err).toContain(`${file}: `);
      expect(err).toMatch(problem);
    }
  });

  it.each([
    [[], /nothing to show; name PEM files, a folder with --dir, or a server with --server/],
    [['nowhere.crt'], /nowhere\.crt: no such file or folder; check the path/],
    [['--dir', 'examples'], /examples: neither tls\.crt nor ca\.crt is there/],
    [['--server', 'localhost'], /--server localhost: expected HOST:PORT such as localhost:8443/],
    [['--server', 'http://localhost:8443'], /expected HOST:PORT/],
    [['--server', 'localhost:99999'], /expected HOST:PORT/],
    [['--server', ':8443'], /expected HOST:PORT/],
  ])('says what is wrong with %j', async (args, problem) => {
    const { code, err } = await imc(['certs', 'show', ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(problem);
  });

  it('says what a server is that cannot be asked', async () => {
    const plain = await listen(createPlainServer((_request, response) => void response.end()));
    expect((await imc(['certs', 'show', '--server', plain])).err).toMatch(/does not speak TLS; check the port/);
    const closed = createPlainServer();
    closed.listen({ host: '127.0.0.1', port: 0 });
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo; // it listens on a port
    closed.close();
    await once(closed, 'close');
    const { code, err } = await imc(['certs', 'show', '--server', `127.0.0.1:${port}`]);
    expect({ code, err }).toEqual({
      code: 2,
      err: `Error: 127.0.0.1:${port}: nothing listens there; check the address and that the server runs\n`,
    });
  });
});

describe('imc certs verify', () => {
  it('says that all is well, in a line for each check', async () => {
    const { code, out, err } = await imc(['certs', 'verify', '-d', folder(), '--host', 'localhost', '--host', '::1']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^CHECK {8}RESULT {3}DETAIL\nkey pair {5}ok {7}the key belongs to the certificate\n/);
    expect(out.match(/ ok /g)).toHaveLength(6);
  });

  it('says what failed and what to do, with exit code 1', async () => {
    const other = await aPairMade(0);
    const dir = folder({ 'tls.key': other.keyPem });
    const { code, out } = await imc(['certs', 'verify', '--dir', dir, '--host', 'x.svc', '--min-days', '9999']);
    expect(code).toBe(1);
    expect(out).toMatch(/^key pair +failed +the key does not belong .*; put the two files of one pair together$/m);
    expect(out).toMatch(/^names +failed +it is not for x\.svc, but for DNS:localhost, .*; make one/m);
    expect(out).toMatch(/^validity +failed +.* sooner than 9999 days; renew it$/m);
    expect(out).toMatch(/^chain +ok /m);
  });

  it('takes the CA of --ca-file before that of the folder, and a bundle of several', async () => {
    const other = join(temporaryFolder(), 'other');
    await imc(['certs', 'generate', '--out', other]);
    const otherCa = join(other, 'ca.crt');
    const dir = folder();
    const { code, out } = await imc(['certs', 'verify', '-d', dir, '--ca-file', otherCa]);
    expect(code).toBe(1);
    expect(out).toMatch(/^chain +failed .*another CA of that name/m);
    const both = join(temporaryFolder({ both: readFileSync(otherCa, 'utf8') + pair.caPem }), 'both');
    expect((await imc(['certs', 'verify', '-d', dir, '--ca-file', both])).code).toBe(0);
  });

  it.each(['json', 'yaml'])('-o %s has the same for programs', async (format) => {
    const { out } = await imc(['certs', 'verify', '-d', folder(), '-o', format]);
    const checks = (format === 'json' ? JSON.parse(out) : parse(out)) as { name: string; result: string }[];
    expect(checks.map(({ name, result }) => [name, result])).toEqual(
      ['key pair', 'names', 'validity', 'chain', 'server use', 'strength'].map((name) => [name, 'ok']),
    );
  });

  it('asks a running server, by the host of its address', async () => {
    const server = await serving();
    const ca = join(folder(), 'ca.crt');
    const { code, out } = await imc(['certs', 'verify', '--server', server, '--ca-file', ca]);
    expect(code).toBe(0);
    expect(out).toMatch(/^names +ok +it is for 127\.0\.0\.1$/m);
    const elsewhere = await imc(['certs', 'verify', '--server', server, '--ca-file', ca, '--host', 'elsewhere.svc']);
    expect(elsewhere.code).toBe(1);
    expect(elsewhere.out).toMatch(/^names +failed +it is not for elsewhere\.svc/m);
  });

  it('asks a server that serves an old certificate', async () => {
    const { code, out } = await imc(['certs', 'verify', '--server', await serving(await aPairMade(-400))]);
    expect(code).toBe(1);
    expect(out).toMatch(/^validity +failed +it ended .*; renew it$/m);
    expect(out).toMatch(/^chain +skipped /m);
  });

  it.each([
    [[], /name one certificate to verify: a PEM file, a folder with --dir, or a server with --server/],
    [['a.crt', '--dir', 'b'], /name one certificate to verify/],
    [['--server', 'localhost:1', '--key', 'x'], /--key and --server exclude each other/],
    [['a.crt', '--min-days', 'soon'], /'soon' is invalid.*Expected a whole number of days/],
    [['a.crt', '--min-days', '-1'], /Expected a whole number of days|unknown option|argument missing/],
  ])('says what is wrong with %j', async (args, problem) => {
    const { code, err } = await imc(['certs', 'verify', ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(problem);
  });

  it('says what a key file is that is no key', async () => {
    const dir = folder();
    for (const [content, problem] of [
      [pair.certPem, /this is a certificate, not a private key/],
      ['-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n', /the key is encrypted/],
      ['x', /no private key in PEM form found/],
    ] as const) {
      const key = join(temporaryFolder({ key: content }), 'key');
      const { code, err } = await imc(['certs', 'verify', join(dir, 'tls.crt'), '--key', key]);
      expect(code).toBe(2);
      expect(err).toMatch(problem);
    }
  });

  it('wants a certificate in the folder, not only a CA', async () => {
    const dir = temporaryFolder({ 'ca.crt': pair.caPem });
    expect(await imc(['certs', 'verify', '--dir', dir])).toMatchObject({
      code: 2,
      err: `Error: ${dir}: no tls.crt is there; it holds the certificate to verify\n`,
    });
  });
});
