import type { KeyObject, X509Certificate } from 'node:crypto';
import { type CertificateCheck, checkCertificate } from '../certs/certificate-checks.ts';
import { CertificateError } from '../certs/certificate-error.ts';
import { readCertificates, readPrivateKey } from '../certs/certificate-file.ts';
import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import type { Check } from './check.ts';
import { failed, ok, skipped, warning } from './check.ts';
import { flagOf, type Installation, upgradeCommand } from './installation.ts';
import { type Answer, problemOf } from './live-cluster.ts';
import { hostOf, type WebhookEntry, type WebhookTarget } from './webhook-entry.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Every way of renewal has been at it for long by then. */
const SOON_DAYS = 7;

/** The certificate that is served, and how that is known. */
export type ServedCertificate =
  | {
      readonly chain: readonly X509Certificate[];
      readonly key: KeyObject | undefined;
      /** A server sent it, so it has the key. */
      readonly isServed: boolean;
      /** `Secret imc-system/imc-tls`, or the server. */
      readonly source: string;
    }
  | { readonly problem: string; readonly remedy: string; readonly isFailure: boolean };

/** Whether API servers can read the CAs they are to trust, and those are valid. */
export function checkBundles(
  entries: readonly WebhookEntry[],
  installation: Installation | undefined,
  nowMs: number,
): Check {
  const name = 'ca-bundle';
  const remedy = bundleRemedy(entries, installation);
  const named = entries.map((entry) => ({ entry, bundle: readBundle(entry) }));
  const [empty, ...moreEmpty] = named.filter(
    ({ bundle, entry }) => bundle === undefined && entry.target.kind === 'service',
  );
  if (empty !== undefined) {
    const more = moreEmpty.length === 0 ? '' : ` and ${moreEmpty.length} more`;
    return failed(
      name,
      `the caBundle of ${empty.entry.name}${more} is empty, so API servers trust nobody there`,
      remedy,
    );
  }
  const broken = named.find(({ bundle }) => bundle !== undefined && 'problem' in bundle);
  if (broken?.bundle !== undefined && 'problem' in broken.bundle) {
    return failed(name, broken.bundle.problem, remedy);
  }
  const bundles = named.flatMap(({ entry, bundle }) =>
    bundle === undefined || 'problem' in bundle ? [] : [{ entry, authorities: bundle.authorities }],
  );
  const [some] = bundles;
  if (some === undefined) return ok(name, 'there is none; API servers trust the CAs of their machines');
  for (const { entry, authorities } of bundles) {
    const valid = authorities.filter(({ validToDate }) => validToDate.getTime() > nowMs);
    const last = Math.max(...authorities.map(({ validToDate }) => validToDate.getTime()));
    if (valid.length === 0) {
      return failed(name, `every CA in the caBundle of ${entry.name} has ended, the last ${timeText(last)}`, remedy);
    }
    if (last - nowMs < SOON_DAYS * DAY_MS) {
      return warning(name, `the last CA in the caBundle of ${entry.name} ends ${timeText(last)}`, remedy);
    }
  }
  const ends = Math.max(...some.authorities.map(({ validToDate }) => validToDate.getTime()));
  const count = some.authorities.length;
  return ok(name, `${count} CA${count === 1 ? '' : 's'}, valid until ${timeText(ends)}`);
}

/** Whether API servers will trust the certificate that is served: two answers, the certificate itself and the chain. */
export async function checkServed(
  entries: readonly WebhookEntry[],
  served: ServedCertificate,
  installation: Installation | undefined,
  nowMs: number,
): Promise<readonly [Check, Check]> {
  const [first] = entries;
  if ('problem' in served) {
    const { problem, remedy, isFailure } = served;
    const why = 'the served certificate is not known; see `certificate`';
    return [(isFailure ? failed : skipped)('certificate', problem, remedy), skipped('trust', why)];
  }
  const { chain, key, isServed, source } = served;
  const hosts = [...new Set(entries.map(({ target }) => hostOf(target).host))];
  const request = { chain, key, isServed, hosts, minDays: 0, nowMs };
  const checks = await checkCertificate({ ...request, authorities: undefined });
  const own = checks.filter((check) => check.name !== 'chain');
  return [
    aboutCertificate(own, chain, source, first, installation, nowMs),
    await aboutTrust(entries, request, source, installation),
  ];
}

/** The certificate in a Secret of type kubernetes.io/tls, or one that the controller keeps. */
export function certificateInSecret(
  name: string,
  secret: Answer<JsonObject>,
  installation: Installation,
): ServedCertificate {
  const source = `Secret ${installation.namespace}/${name}`;
  if (secret.kind === 'unreadable') {
    return {
      problem: problemOf(secret, source),
      remedy:
        `ask as a user who may read it, or ask a replica: kubectl --namespace ${installation.namespace} port-forward deployment/${installation.serve.name} 8443; ` +
        `imc certs verify --server localhost:8443 --host ${installation.serve.name}.${installation.namespace}.svc`,
      isFailure: false,
    };
  }
  if (secret.kind === 'absent') {
    return { problem: `there is no ${source}`, remedy: certificateRemedy(installation), isFailure: true };
  }
  const data = member(secret.value, 'data');
  const [certificate, key] = ['tls.crt', 'tls.key'].map((entry) => Buffer.from(textMember(data, entry), 'base64'));
  if (certificate === undefined || certificate.length === 0) {
    return { problem: `${source} holds no certificate yet`, remedy: certificateRemedy(installation), isFailure: true };
  }
  try {
    return {
      chain: readCertificates(certificate, `${source}, tls.crt`),
      key: key === undefined || key.length === 0 ? undefined : readPrivateKey(key, `${source}, tls.key`),
      isServed: false,
      source,
    };
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return { problem: error.message, remedy: certificateRemedy(installation), isFailure: true };
  }
}

/** The certificate that a server sent. */
export function certificateOfServer(
  target: WebhookTarget,
  answer: Answer<readonly X509Certificate[]>,
): ServedCertificate {
  const { host, port } = hostOf(target);
  const source = `${host}:${port}`;
  if (answer.kind === 'found') return { chain: answer.value, key: undefined, isServed: true, source };
  return {
    problem: answer.kind === 'absent' ? `${source} sent no certificate` : answer.problem,
    remedy:
      'look whether it runs; where only API servers can reach it, ask from their network: ' +
      `imc certs verify --server ${source}`,
    // From here it may be out of reach although API servers reach it.
    isFailure: false,
  };
}

/** The Secret that serve takes its certificate from. */
export function secretNameOf({ serve }: Installation): string {
  return flagOf(serve, 'tls-secret') || serve.mounted.get('tls') || '';
}

function aboutCertificate(
  checks: readonly CertificateCheck[],
  chain: readonly X509Certificate[],
  source: string,
  entry: WebhookEntry | undefined,
  installation: Installation | undefined,
  nowMs: number,
): Check {
  const name = 'certificate';
  const bad = checks.find(({ result }) => result === 'failed');
  const remedy = installation === undefined ? 'renew it where it is served' : certificateRemedy(installation);
  if (bad !== undefined) return failed(name, `${source}: ${bad.detail}`, `${bad.remedy}: ${remedy}`);
  const ends = Math.min(...chain.map(({ validToDate }) => validToDate.getTime()));
  if (ends - nowMs < SOON_DAYS * DAY_MS) {
    return warning(name, `${source}: it ends ${timeText(ends)}, and should have been renewed`, remedy);
  }
  const host = entry === undefined ? '' : ` for ${hostOf(entry.target).host}`;
  return ok(name, `${source}${host} ends ${timeText(ends)}, in ${Math.floor((ends - nowMs) / DAY_MS)} days`);
}

async function aboutTrust(
  entries: readonly WebhookEntry[],
  request: Omit<Parameters<typeof checkCertificate>[0], 'authorities'>,
  source: string,
  installation: Installation | undefined,
): Promise<Check> {
  const name = 'trust';
  let detail = '';
  for (const entry of entries) {
    const bundle = readBundle(entry);
    if (bundle === undefined || 'problem' in bundle) continue;
    const checks = await checkCertificate({ ...request, authorities: bundle.authorities });
    const chain = checks.find((check) => check.name === 'chain');
    if (chain === undefined) continue;
    if (chain.result === 'failed') {
      return failed(
        name,
        `API servers do not trust ${source} by the caBundle of ${entry.name}: ${chain.detail}`,
        bundleRemedy(entries, installation),
      );
    }
    detail ||= chain.detail;
  }
  if (detail === '') return skipped(name, 'there is no caBundle to compare with');
  return ok(name, `${source} is trusted by the caBundle: ${detail}`);
}

function readBundle(
  entry: WebhookEntry,
): { readonly authorities: readonly X509Certificate[] } | { readonly problem: string } | undefined {
  if (entry.caBundle === '') return undefined;
  try {
    return { authorities: readCertificates(Buffer.from(entry.caBundle, 'base64'), `caBundle of ${entry.name}`) };
  } catch (error) {
    if (error instanceof CertificateError) return { problem: error.message };
    throw error;
  }
}

/** Who puts a caBundle right depends on where certificates come from. */
function bundleRemedy(entries: readonly WebhookEntry[], installation: Installation | undefined): string {
  const [entry] = entries;
  if (installation === undefined) {
    return `write the CA of what is served there: kubectl edit mutatingwebhookconfiguration ${entry?.configuration ?? ''} (caBundle)`;
  }
  const { namespace, serve, controller, tls } = installation;
  if (tls === 'self-managed') {
    return `the controller writes it within a minute; if not, see why: kubectl --namespace ${namespace} logs deployment/${controller?.name ?? `${serve.name}-controller`}`;
  }
  if (tls === 'cert-manager' || entries.some(({ hasInjectedBundle }) => hasInjectedBundle)) {
    return `cert-manager writes it; see why not: kubectl --namespace ${namespace} describe certificate ${serve.name}; kubectl logs --namespace cert-manager deployment/cert-manager-cainjector`;
  }
  return `give the CA that signed what is served: ${upgradeCommand(installation, '--set-file tls.files.caBundle=ca.crt')}`;
}

function certificateRemedy({ namespace, serve, controller, tls, release }: Installation): string {
  switch (tls) {
    case 'self-managed':
      return `the controller makes it; see why not: kubectl --namespace ${namespace} logs deployment/${controller?.name ?? `${serve.name}-controller`}`;
    case 'cert-manager':
      return `cert-manager makes it; see why not: kubectl --namespace ${namespace} describe certificate ${serve.name}`;
    case 'files': {
      const secret = serve.mounted.get('tls') || 'SECRET';
      const host = `${serve.name}.${namespace}.svc`;
      return (
        `put a good pair into the Secret, such as that of imc certs generate --host ${host} --out tls: ` +
        `kubectl --namespace ${namespace} create secret tls ${secret} --cert tls/tls.crt --key tls/tls.key --dry-run=client -o yaml | kubectl apply -f -; ` +
        `and its CA: ${upgradeCommand({ namespace, release }, '--set-file tls.files.caBundle=tls/ca.crt')}`
      );
    }
  }
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
