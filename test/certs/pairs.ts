import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ServingCertificate } from '../../src/certs/certificate-source.ts';
import type { CertificateAuthority } from '../../src/certs/self-signed-authority.ts';
import { createAuthority, issueServingCertificate } from '../../src/certs/self-signed-authority.ts';

export const HOSTS = ['localhost', '127.0.0.1', '::1', 'eci-imagecache-webhook.imc-system.svc'];

const DAY_MS = 24 * 60 * 60 * 1000;

/** One CA for all tests of a file: making one takes longer than most tests. */
const authority: Promise<CertificateAuthority> = createAuthority(Date.now());

/** A certificate that `caPem` of any other verifies. */
export async function aPair(): Promise<ServingCertificate & { readonly caPem: string }> {
  const { certPem: caPem } = await authority;
  return { ...(await issueServingCertificate(await authority, HOSTS, Date.now())), caPem };
}

/** A certificate made at another time. */
export async function aPairMade(daysFromNow: number): Promise<ServingCertificate> {
  return issueServingCertificate(await authority, HOSTS, Date.now() + daysFromNow * DAY_MS);
}

/** A folder that is gone after the test. */
export function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'imc-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
