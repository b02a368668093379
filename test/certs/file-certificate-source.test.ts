import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServingCertificate } from '../../src/certs/certificate-source.ts';
import type { FileCertificateOptions } from '../../src/certs/file-certificate-source.ts';
import { certificateFilesIn, FileCertificateSource } from '../../src/certs/file-certificate-source.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { aFolder, aPair, aPairMade } from './pairs.ts';
import { until } from './until.ts';

const NEVER_MS = 2 ** 30;

describe('FileCertificateSource (spec S1)', () => {
  it('offers the pair that is there at the start', async () => {
    const folder = aFolder();
    const pair = await aPair();
    write(folder, pair);
    const { source } = await started(folder);
    expect(source.current()).toMatchObject({ certPem: pair.certPem, keyPem: pair.keyPem, notAfter: pair.notAfter });
    expect(source.problem()).toBeUndefined();
  });

  it('fails at the start without a good pair, naming file and remedy', async () => {
    const folder = aFolder();
    await expect(started(folder)).rejects.toThrow(/tls\.crt: cannot be read \(ENOENT.*\): check the path/);
    write(folder, await aPairMade(-400));
    await expect(started(folder)).rejects.toThrow(/tls\.crt: the certificate ended .*: renew it/);
    await expect(started(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ERR_CERTIFICATE_INVALID' });
  });

  it('follows a new pair, whichever file is written first', async () => {
    const folder = aFolder();
    write(folder, await aPair());
    const { source, changes } = await started(folder);
    const second = await aPair();
    writeFileSync(join(folder, 'tls.key'), second.keyPem);
    writeFileSync(join(folder, 'tls.crt'), second.certPem);
    await until(() => source.current().certPem === second.certPem);
    const third = await aPair();
    writeFileSync(join(folder, 'tls.crt'), third.certPem);
    writeFileSync(join(folder, 'tls.key'), third.keyPem);
    await until(() => source.current().certPem === third.certPem);
    expect(changes.map(({ certPem }) => certPem)).toEqual([second.certPem, third.certPem]);
  });

  it('follows the ..data swap of a mounted Secret, every time', async () => {
    const folder = aFolder();
    mountSecret(folder, await aPair());
    const { source } = await started(folder);
    for (let swap = 0; swap < 3; swap++) {
      const next = await aPair();
      mountSecret(folder, next);
      await until(() => source.current().certPem === next.certPem);
    }
    expect(source.problem()).toBeUndefined();
  });

  it('refuses a bad pair, keeps the old one, says so once, and takes the next good one', async () => {
    const folder = aFolder();
    const first = await aPair();
    write(folder, first);
    const { source, changes, logger } = await started(folder, { rereadIntervalMs: 10 });
    writeFileSync(join(folder, 'tls.key'), (await aPair()).keyPem);
    await until(() => source.problem() !== undefined);
    expect(source.problem()).toMatch(/tls\.key: the key does not belong to the certificate/);
    expect(source.current().certPem).toBe(first.certPem);

    writeFileSync(join(folder, 'tls.crt'), 'garbage');
    await until(() => /tls\.crt: no certificate/.test(source.problem() ?? ''));
    rmSync(join(folder, 'tls.crt'));
    await until(() => /tls\.crt: cannot be read/.test(source.problem() ?? ''));
    expect(source.current().certPem).toBe(first.certPem);
    expect(changes).toEqual([]);

    const second = await aPair();
    write(folder, second);
    await until(() => source.current().certPem === second.certPem);
    expect(source.problem()).toBeUndefined();
    const refusals = logger.of('certificate refused, the old one stays').map(({ fields }) => String(fields['err']));
    expect(new Set(refusals).size).toBe(refusals.length);
    expect(refusals.length).toBeGreaterThanOrEqual(3);
  });

  it('does not take a pair that has ended for a good one', async () => {
    const folder = aFolder();
    const first = await aPair();
    write(folder, first);
    const { source } = await started(folder);
    write(folder, await aPairMade(-400));
    await until(() => source.problem() !== undefined);
    expect(source.problem()).toMatch(/the certificate ended/);
    expect(source.current().certPem).toBe(first.certPem);
  });

  it('sees a change without any news of it, by reading again', async () => {
    const folder = aFolder();
    const elsewhere = aFolder();
    write(elsewhere, await aPair());
    symlinkSync(join(elsewhere, 'tls.crt'), join(folder, 'tls.crt'));
    symlinkSync(join(elsewhere, 'tls.key'), join(folder, 'tls.key'));
    const { source } = await started(folder, { rereadIntervalMs: 10 });
    const second = await aPair();
    write(elsewhere, second);
    await until(() => source.current().certPem === second.certPem);
    expect(source.current().keyPem).toBe(second.keyPem);
  });

  it('tells nobody when the same content is written again', async () => {
    const folder = aFolder();
    const pair = await aPair();
    write(folder, pair);
    const { source, changes } = await started(folder);
    write(folder, pair);
    // A refusal afterwards proves that the files have been read since.
    writeFileSync(join(folder, 'tls.crt'), 'garbage');
    await until(() => source.problem() !== undefined);
    expect(changes).toEqual([]);
  });

  it('watches nothing after the stop, and can be stopped twice', async () => {
    const folder = aFolder();
    const pair = await aPair();
    write(folder, pair);
    const { source, changes } = await started(folder, { rereadIntervalMs: 10 });
    const { source: witness } = await started(folder, { rereadIntervalMs: 10 });
    await source.stop();
    await source.stop();
    const second = await aPair();
    write(folder, second);
    await until(() => witness.current().certPem === second.certPem);
    expect(source.current().certPem).toBe(pair.certPem);
    expect(changes).toEqual([]);
  });
});

async function started(folder: string, options: Partial<FileCertificateOptions> = {}) {
  const logger = new RecordingLogger();
  const files = certificateFilesIn(folder);
  const source = new FileCertificateSource({ ...files, logger, rereadIntervalMs: NEVER_MS, ...options });
  const changes: ServingCertificate[] = [];
  source.onChange((certificate) => changes.push(certificate));
  await source.start();
  onTestFinished(() => source.stop());
  return { source, changes, logger };
}

function write(folder: string, { certPem, keyPem }: ServingCertificate): void {
  writeFileSync(join(folder, 'tls.crt'), certPem);
  writeFileSync(join(folder, 'tls.key'), keyPem);
}

/** Writes a Secret as the kubelet mounts it: the files are links through `..data`, which is replaced as a whole. */
function mountSecret(folder: string, pair: ServingCertificate): void {
  const version = `..${process.hrtime.bigint()}`;
  mkdirSync(join(folder, version));
  write(join(folder, version), pair);
  symlinkSync(version, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  for (const file of ['tls.crt', 'tls.key']) {
    if (!existsSync(join(folder, file))) symlinkSync(join('..data', file), join(folder, file));
  }
}
