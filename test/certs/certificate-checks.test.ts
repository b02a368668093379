import 'reflect-metadata';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { ExtendedKeyUsage, KeyUsageFlags } from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import type { CertificateCheckRequest } from '../../src/certs/certificate-checks.ts';
import { checkCertificate } from '../../src/certs/certificate-checks.ts';
import type { OddCertificate, Oddities } from './odd-certificates.ts';
import { anOddCertificate } from './odd-certificates.ts';
import { aPair } from './pairs.ts';

const HOSTS = ['imc.imc-system.svc'];

/** What the checks say of a chain, each check by its name. */
async function results(
  chain: readonly OddCertificate[],
  authorities: readonly OddCertificate[],
  parts: Partial<CertificateCheckRequest> = {},
): Promise<Record<string, string>> {
  const checks = await checkCertificate({
    chain: chain.map(({ pem }) => new X509Certificate(pem)),
    key: createPrivateKey(chain[0]?.keyPem ?? ''),
    isServed: false,
    authorities: authorities.map(({ pem }) => new X509Certificate(pem)),
    hosts: HOSTS,
    minDays: 0,
    nowMs: Date.now(),
    ...parts,
  });
  return Object.fromEntries(
    checks.map(({ name, result, detail, remedy }) => {
      expect(remedy === '').toBe(result === 'ok');
      return [name, result === 'ok' ? 'ok' : `${result}: ${detail}; ${remedy}`];
    }),
  );
}

const ALL_OK = {
  'key pair': 'ok',
  names: 'ok',
  validity: 'ok',
  chain: 'ok',
  'server use': 'ok',
  strength: 'ok',
};

const authority = anOddCertificate({ name: 'CN=the CA', isCa: true, ends: 1000 });

async function aLeaf(oddities: Oddities = {}): Promise<OddCertificate> {
  return anOddCertificate({ hosts: HOSTS, ...oddities }, await authority);
}

describe('checkCertificate', () => {
  it('finds nothing wrong with what the program makes', async () => {
    const { certPem, keyPem, caPem } = await aPair();
    const checks = await checkCertificate({
      chain: [new X509Certificate(certPem)],
      key: createPrivateKey(keyPem),
      isServed: false,
      authorities: [new X509Certificate(caPem)],
      hosts: ['localhost', '127.0.0.1', '::1'],
      minDays: 300,
      nowMs: Date.now(),
    });
    expect(checks.map(({ result }) => result)).toEqual(checks.map(() => 'ok'));
  });

  it.each<[string, Oddities, Record<string, unknown>]>([
    ['nothing', {}, {}],
    ['no names', { hosts: [] }, { names: expect.stringMatching(/^failed: the certificate is for no host/) }],
    [
      'names of others',
      { hosts: ['a.svc', 'b.svc'] },
      {
        names: expect.stringMatching(
          /^failed: it is not for imc\.imc-system\.svc, but for DNS:a\.svc, DNS:b\.svc; make one/,
        ),
      },
    ],
    ['a wildcard that fits', { hosts: ['*.imc-system.svc'] }, {}],
    ['a wildcard for another level', { hosts: ['*.svc'] }, { names: expect.stringMatching(/^failed/) }],
    [
      'its host in the common name only',
      { name: 'CN=imc.imc-system.svc', hosts: [] },
      { names: expect.stringMatching(/^failed/) },
    ],
    [
      'its end behind it',
      { begins: -9, ends: -2 },
      { validity: expect.stringMatching(/^failed: it ended .*; renew it$/) },
    ],
    [
      'its beginning ahead',
      { begins: 2 },
      { validity: expect.stringMatching(/^failed: it begins .*; check the clock/) },
    ],
    [
      'a use for clients only',
      { purposes: [ExtendedKeyUsage.clientAuth] },
      { 'server use': expect.stringMatching(/^failed: it is for client, not for servers/) },
    ],
    ['uses for both', { purposes: [ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth] }, {}],
    [
      'a key that must not sign',
      { keyUsages: KeyUsageFlags.keyEncipherment },
      { 'server use': expect.stringMatching(/^failed: its key must not sign/) },
    ],
    ['a key of RSA', { algorithm: 'RSA 2048' }, {}],
    ['a key of Ed25519', { algorithm: 'Ed25519' }, {}],
    [
      'a weak key',
      { algorithm: 'RSA 1024' },
      { strength: expect.stringMatching(/^failed: CN=.*: its key is RSA 1024; use ECDSA P-256/) },
    ],
  ])('a certificate with %s', async (_title, oddities, expected) => {
    expect(await results([await aLeaf(oddities)], [await authority])).toEqual({ ...ALL_OK, ...expected });
  });

  it('a signature that clients refuse', async () => {
    const ca = await anOddCertificate({ isCa: true, algorithm: 'RSA 2048, SHA-1' });
    const leaf = await anOddCertificate({ hosts: HOSTS }, ca);
    expect(await results([leaf], [ca])).toEqual({
      ...ALL_OK,
      strength: expect.stringMatching(
        /^failed: .*signed by RSASSA-PKCS1-v1_5 with SHA-1, which clients refuse/,
      ) as string,
    });
  });

  it('a key of another certificate', async () => {
    const [leaf, other] = [await aLeaf(), await aLeaf()];
    const found = await results([leaf], [await authority], { key: createPrivateKey(other.keyPem) });
    expect(found['key pair']).toMatch(/^failed: the key does not belong/);
  });

  it('what was not given is not checked', async () => {
    const found = await results([await aLeaf()], [], { key: undefined, authorities: undefined, hosts: [] });
    expect(found).toEqual({
      ...ALL_OK,
      'key pair': 'skipped: no key is given; give it with --key or --dir',
      chain: 'skipped: no CA is given; give the caBundle with --ca-file',
    });
  });

  it('a server that serves a certificate has its key', async () => {
    const found = await results([await aLeaf()], [await authority], { key: undefined, isServed: true });
    expect(found).toEqual(ALL_OK);
  });

  it('fewer days left than asked for', async () => {
    const leaf = await aLeaf({ ends: 20.5 });
    expect(await results([leaf], [await authority], { minDays: 20 })).toEqual(ALL_OK);
    expect((await results([leaf], [await authority], { minDays: 21 }))['validity']).toMatch(
      /^failed: it ends .*, in 20 days, sooner than 21 days; renew it$/,
    );
  });

  describe('chain', () => {
    it('finds the CA in a bundle of several, also among those of its name', async () => {
      const [other, namesake] = [
        await anOddCertificate({ isCa: true }),
        await anOddCertificate({ name: (await authority).name, isCa: true }),
      ];
      expect(await results([await aLeaf()], [other, namesake, await authority])).toEqual(ALL_OK);
    });

    it('fails with another CA, and says whose it should be', async () => {
      const found = await results([await aLeaf()], [await anOddCertificate({ isCa: true })]);
      expect(found['chain']).toMatch(
        /^failed: no CA of the bundle has signed it: its issuer is CN=the CA; give clients/,
      );
    });

    it('fails with a CA of the same name and another key, and says so', async () => {
      const namesake = await anOddCertificate({ name: (await authority).name, isCa: true });
      expect((await results([await aLeaf()], [namesake]))['chain']).toMatch(
        /another CA of that name, with another key/,
      );
    });

    it('fails with an issuer that is no CA', async () => {
      const noCa = await anOddCertificate({ name: 'CN=no CA' });
      const leaf = await anOddCertificate({ hosts: HOSTS }, noCa);
      expect((await results([leaf], [noCa]))['chain']).toMatch(/CN=no CA in the bundle is no CA/);
    });

    it('goes by way of intermediate certificates, in any order', async () => {
      const one = await anOddCertificate({ name: 'CN=one', isCa: true }, await authority);
      const two = await anOddCertificate({ name: 'CN=two', isCa: true }, one);
      const leaf = await anOddCertificate({ hosts: HOSTS }, two);
      expect(await results([leaf, two, one], [await authority])).toEqual(ALL_OK);
      expect(await results([leaf, one, two], [await authority])).toEqual(ALL_OK);
      expect((await results([leaf, one], [await authority]))['chain']).toMatch(/^failed: .*its issuer is CN=two/);
    });

    it('fails where a CA allows fewer CAs below it, or its key must not sign', async () => {
      const narrow = await anOddCertificate({ name: 'CN=narrow', isCa: true, pathLength: 0 });
      expect(await results([await anOddCertificate({ hosts: HOSTS }, narrow)], [narrow])).toEqual(ALL_OK);
      const between = await anOddCertificate({ name: 'CN=between', isCa: true }, narrow);
      const leaf = await anOddCertificate({ hosts: HOSTS }, between);
      expect((await results([leaf, between], [narrow]))['chain']).toMatch(/^failed: CN=narrow allows no CA between/);

      const mute = await anOddCertificate({ name: 'CN=mute', isCa: true, keyUsages: KeyUsageFlags.cRLSign });
      const signed = await anOddCertificate({ hosts: HOSTS }, mute);
      expect((await results([signed], [mute]))['chain']).toMatch(
        /CN=mute in the bundle is no CA that may sign certificates/,
      );
    });

    it('fails when an intermediate certificate, or the CA, has ended', async () => {
      const ended = await anOddCertificate({ name: 'CN=ended', isCa: true, begins: -9, ends: -1 }, await authority);
      const leaf = await anOddCertificate({ hosts: HOSTS }, ended);
      expect((await results([leaf, ended], [await authority]))['validity']).toMatch(
        /^failed: the certificate of CN=ended ended /,
      );
      expect((await results([leaf], [ended]))['validity']).toMatch(/^failed: the certificate of CN=ended ended /);
    });

    it('takes a certificate that is in the bundle itself', async () => {
      const alone = await anOddCertificate({ hosts: HOSTS });
      expect(await results([alone], [await authority, alone])).toEqual(ALL_OK);
    });

    it('ends where certificates have signed each other', async () => {
      const [one, two] = [
        await anOddCertificate({ name: 'CN=ring', isCa: true }),
        await anOddCertificate({ name: 'CN=ring', isCa: true }),
      ];
      const crossed = await anOddCertificate({ name: 'CN=ring', isCa: true }, one);
      const leaf = await anOddCertificate({ hosts: HOSTS }, two);
      const found = await results([leaf, two, crossed, one], [await authority]);
      expect(found['chain']).toMatch(/^failed/);
    });
  });
});
