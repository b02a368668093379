import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issueServingCertificate } from '../../src/certs/self-signed-authority.ts';
import type { ServedCertificate } from '../../src/doctor/check-certificates.ts';
import {
  certificateInSecret,
  certificateOfServer,
  checkBundles,
  checkServed,
  secretNameOf,
} from '../../src/doctor/check-certificates.ts';
import { installationsAmong } from '../../src/doctor/installation.ts';
import { entriesOf } from '../../src/doctor/webhook-entry.ts';
import { aConfiguration, aDeployment, NAME, NAMESPACE } from './installed.ts';

const HOST = `${NAME}.${NAMESPACE}.svc`;
const DAY_MS = 24 * 60 * 60 * 1000;
const NOW_MS = Date.now();

const [files] = installationsAmong([aDeployment({ secret: 'pair' })]);
const [certManager] = installationsAmong([aDeployment({ secret: `${NAME}-cert` })]);
const [selfManaged] = installationsAmong([aDeployment({ args: ['serve', '--tls-secret=imc-tls'] })]);
if (files === undefined || certManager === undefined || selfManaged === undefined) throw new Error('not read');

let ca: string;
let otherCa: string;
let pair: { certPem: string; keyPem: string };

beforeAll(async () => {
  const authority = await createAuthority(NOW_MS);
  ca = authority.certPem;
  otherCa = (await createAuthority(NOW_MS)).certPem;
  pair = await issueServingCertificate(authority, [HOST], NOW_MS);
});

const entriesWith = (caBundle: string) =>
  entriesOf([
    aConfiguration({
      clientConfig: {
        service: { namespace: NAMESPACE, name: NAME, path: '/mutate' },
        caBundle: Buffer.from(caBundle).toString('base64'),
      },
    }),
  ]);

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const secretOf = (certificate: string, key: string) =>
  ({ kind: 'found', value: { data: { 'tls.crt': base64(certificate), 'tls.key': base64(key) } } }) as const;

describe('the caBundle', () => {
  it.each<{ title: string; bundle: () => string; nowMs?: number; result: string; found: RegExp }>([
    { title: 'one CA', bundle: () => ca, result: 'ok', found: /^1 CA, valid until \d{4}-/ },
    { title: 'old and new CA', bundle: () => ca + otherCa, result: 'ok', found: /^2 CAs/ },
    { title: 'nothing', bundle: () => '', result: 'failed', found: /is empty, so API servers trust nobody/ },
    { title: 'no certificate', bundle: () => 'CA', result: 'failed', found: /no certificate in PEM form found/ },
    { title: 'half a certificate', bundle: () => ca.slice(0, 200), result: 'failed', found: /cut short/ },
    {
      title: 'a CA that has ended',
      bundle: () => ca,
      nowMs: NOW_MS + 40 * 365 * DAY_MS,
      result: 'failed',
      found: /every CA .* has ended/,
    },
  ])('with $title: $result', ({ bundle, nowMs = NOW_MS, result, found }) => {
    const check = checkBundles(entriesWith(bundle()), files, nowMs);
    expect(check.found).toMatch(found);
    expect(check.result).toBe(result);
    expect(check.remedy === '').toBe(result === 'ok');
  });

  it('warns of a CA that ends within days', () => {
    const endMs = new X509Certificate(ca).validToDate.getTime();
    expect(checkBundles(entriesWith(ca), files, endMs - 3 * DAY_MS).result).toBe('warning');
  });

  it.each([
    ['files', files, /^give the CA .*--set-file tls\.files\.caBundle=ca\.crt$/],
    ['cert-manager', certManager, /kubectl --namespace imc-system describe certificate imc-eci-imagecache-webhook/],
    [
      'self-managed',
      selfManaged,
      /kubectl --namespace imc-system logs deployment\/imc-eci-imagecache-webhook-controller$/,
    ],
    ['no installation', undefined, /kubectl edit mutatingwebhookconfiguration zz-/],
  ])('is put right by whoever writes it: %s', (_title, installation, remedy) => {
    expect(checkBundles(entriesWith(''), installation, NOW_MS).remedy).toMatch(remedy);
  });
});

describe('the Secret with the certificate', () => {
  it.each([
    ['files', files, 'pair'],
    ['cert-manager', certManager, `${NAME}-cert`],
    ['self-managed', selfManaged, 'imc-tls'],
  ])('is known: %s', (mode, installation, name) => {
    expect(installation.tls).toBe(mode);
    expect(secretNameOf(installation)).toBe(name);
  });

  it.each<{ title: string; secret: Parameters<typeof certificateInSecret>[1]; isFailure: boolean; problem: RegExp }>([
    { title: 'missing', secret: { kind: 'absent' }, isFailure: true, problem: /^there is no Secret imc-system\/pair$/ },
    {
      title: 'forbidden',
      secret: { kind: 'unreadable', problem: 'forbidden', isForbidden: true },
      isFailure: false,
      problem: /cannot be read: forbidden/,
    },
    { title: 'empty', secret: { kind: 'found', value: {} }, isFailure: true, problem: /holds no certificate yet/ },
    { title: 'not PEM', secret: secretOf('x', 'y'), isFailure: true, problem: /tls\.crt: no certificate in PEM form/ },
  ])('$title', ({ secret, isFailure, problem }) => {
    const served = certificateInSecret('pair', secret, files);
    expect(served).toMatchObject({ isFailure, problem: expect.stringMatching(problem) });
  });
});

describe('the served certificate', () => {
  const inSecret = (): ServedCertificate => certificateInSecret('pair', secretOf(pair.certPem, pair.keyPem), files);
  const checked = (served: ServedCertificate, bundle: string, nowMs = NOW_MS) =>
    checkServed(entriesWith(bundle), served, files, nowMs);

  it('is trusted', async () => {
    const [certificate, trust] = await checked(inSecret(), ca);
    expect(certificate).toMatchObject({ result: 'ok', found: expect.stringContaining(`for ${HOST} ends `) });
    expect(trust).toMatchObject({ result: 'ok', found: expect.stringContaining('is trusted by the caBundle') });
  });

  it('is not trusted by another CA of the same name', async () => {
    const [certificate, trust] = await checked(inSecret(), otherCa);
    expect(certificate.result).toBe('ok');
    expect(trust).toMatchObject({ result: 'failed', found: expect.stringContaining('another CA of that name') });
  });

  it('is not for the Service', async () => {
    const authority = await createAuthority(NOW_MS);
    const { certPem, keyPem } = await issueServingCertificate(authority, ['localhost'], NOW_MS);
    const [certificate] = await checked(
      certificateInSecret('pair', secretOf(certPem, keyPem), files),
      authority.certPem,
    );
    expect(certificate).toMatchObject({ result: 'failed', found: expect.stringContaining(`it is not for ${HOST}`) });
    expect(certificate.remedy).toContain(`imc certs generate --host ${HOST}`);
  });

  it('has a key of another', async () => {
    const other = await issueServingCertificate(await createAuthority(NOW_MS), [HOST], NOW_MS);
    const [certificate] = await checked(certificateInSecret('pair', secretOf(pair.certPem, other.keyPem), files), ca);
    expect(certificate).toMatchObject({ result: 'failed', found: expect.stringContaining('key does not belong') });
  });

  it('has ended, or is about to', async () => {
    const endMs = new X509Certificate(pair.certPem).validToDate.getTime();
    const [ended] = await checked(inSecret(), ca, endMs + 1);
    expect(ended).toMatchObject({ result: 'failed', found: expect.stringContaining('it ended') });
    const [ending] = await checked(inSecret(), ca, endMs - 3 * DAY_MS);
    expect(ending).toMatchObject({ result: 'warning', found: expect.stringContaining('should have been renewed') });
  });

  it('of a server that does not answer is skipped: others may reach it', async () => {
    const target = { kind: 'url', url: 'https://10.0.0.1:8443/mutate' } as const;
    const served = certificateOfServer(target, {
      kind: 'unreadable',
      problem: '10.0.0.1:8443: no answer',
      isForbidden: false,
    });
    const [certificate, trust] = await checked(served, ca);
    expect(certificate).toMatchObject({ result: 'skipped', found: '10.0.0.1:8443: no answer' });
    expect(trust.result).toBe('skipped');
  });
});
