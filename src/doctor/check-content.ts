import { loadConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import type { EciProfile, ProfileRule } from '../core/eci-profile.ts';
import { hasSelector } from '../core/eci-profile.ts';
import type { ImageCache } from '../core/image-cache.ts';
import { unusableReason } from '../core/image-cache.ts';
import { DEFAULT_SETTINGS, type DecisionSettings } from '../core/settings.ts';
import { decodeEciProfile, selectorsOf } from '../wire/eci-profile.ts';
import { decodeImageCache } from '../wire/image-cache.ts';
import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import { ManifestError } from '../wire/manifest-error.ts';
import type { Check } from './check.ts';
import { failed, ok, skipped, warning } from './check.ts';
import { isLabelled, labelsAskedFor } from './check-registration.ts';
import { type Installation, upgradeCommand } from './installation.ts';
import { type Answer, problemOf } from './live-cluster.ts';
import type { WebhookEntry } from './webhook-entry.ts';

/** The settings of an installation. */
export interface InstalledSettings {
  readonly check: Check;
  /** `undefined` when they are not known. */
  readonly decision: DecisionSettings | undefined;
}

/**
 * Whether the settings can be used, and pods are acted on.
 *
 * @param configMap - `undefined` if there is none, so that only the environment counts.
 */
export function readSettings(installation: Installation, configMap: Answer<JsonObject> | undefined): InstalledSettings {
  const name = 'settings';
  const { namespace, serve } = installation;
  const object = serve.mounted.get('settings') ?? '';
  const title = `ConfigMap ${namespace}/${object}`;
  const unknown = (check: Check): InstalledSettings => ({ check, decision: undefined });
  if (configMap?.kind === 'unreadable') return unknown(skipped(name, problemOf(configMap, title)));
  if (configMap?.kind === 'absent') {
    const remedy = `bring it back: ${upgradeCommand(installation)}`;
    return unknown(failed(name, `there is no ${title}: no replica can start`, remedy));
  }
  const fileText = textMember(member(configMap?.value, 'data'), 'imc.yaml');
  let decision: DecisionSettings;
  try {
    const request = { file: 'imc.yaml', fileText, flags: {}, context: { command: 'serve' } } as const;
    decision = loadConfig({ ...request, env: Object.fromEntries(serve.env) }).config.decision;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [problem] = error.problems;
    const where = [problem?.origin, problem?.key].filter(Boolean).join(': ');
    return unknown(
      failed(
        name,
        `${title}: ${where}: ${problem?.problem}; replicas keep the settings they had, and new ones do not start`,
        `mend it: kubectl --namespace ${namespace} edit configmap ${object}`,
      ),
    );
  }
  const { mode } = decision;
  if (mode === 'enforce') return { check: ok(name, 'mode enforce'), decision };
  const what = mode === 'off' ? 'no pod is acted on' : 'decisions are recorded on pods, and nothing else';
  const remedy = upgradeCommand(installation, '--set config.mode=enforce');
  return { check: warning(name, `mode ${mode}: ${what}`, remedy), decision };
}

/** Whether the rules can be used (spec P6), and reach pods in scope `labelled` (spec S7). */
export function checkProfile(configMap: Answer<JsonObject>, entries: readonly WebhookEntry[]): Check {
  const name = 'eci-profile';
  if (configMap.kind === 'unreadable') return skipped(name, problemOf(configMap, 'ConfigMap kube-system/eci-profile'));
  if (configMap.kind === 'absent')
    return ok(name, 'there is no ConfigMap kube-system/eci-profile, so there are no rules');
  let profile: EciProfile;
  try {
    profile = decodeEciProfile(selectorsOf(configMap.value) ?? '');
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return failed(
      name,
      `kube-system/eci-profile cannot be used, the last good rules are in force: ${error.message}`,
      'mend it: kubectl --namespace kube-system edit configmap eci-profile; kubectl --namespace kube-system get configmap eci-profile -o yaml | imc lint -f -',
    );
  }
  const { rules } = profile;
  const title = `${rules.length} rule${rules.length === 1 ? '' : 's'}`;
  const outside = entries.length > 0 && isLabelled(entries) ? rules.filter((rule) => !isReached(rule, entries)) : [];
  if (outside.length > 0) {
    return warning(
      name,
      `${title}; in scope labelled these bring no pod here by themselves: ${outside.map((rule) => rule.name).join(', ')}`,
      'add their labels to webhook.namespaceLabels or webhook.podLabels of the chart, or set webhook.scope=cluster',
    );
  }
  return ok(name, title);
}

/** What there is to pin. */
export function checkImageCaches(
  objects: Answer<readonly JsonObject[]>,
  nowMs: number,
  expiryMarginMs: number = DEFAULT_SETTINGS.expiryMarginMs,
): Check {
  const name = 'image-caches';
  if (objects.kind === 'absent') return skipped(name, 'the cluster has no ImageCache resource; see `crd`');
  if (objects.kind === 'unreadable') return skipped(name, problemOf(objects, 'ImageCaches'));
  const problems: string[] = [];
  const caches: ImageCache[] = [];
  for (const object of objects.value) {
    try {
      caches.push(decodeImageCache(object));
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      problems.push(`${textMember(member(object, 'metadata'), 'name')}: ${error.message}`);
    }
  }
  const unusable = new Map<string, number>();
  for (const cache of caches) {
    const reason = unusableReason(cache, nowMs, expiryMarginMs);
    if (reason !== undefined) unusable.set(reason, (unusable.get(reason) ?? 0) + 1);
  }
  const usable = caches.length - [...unusable.values()].reduce((sum, count) => sum + count, 0);
  const why = [...unusable].map(([reason, count]) => `${count} ${reason}`).join(', ');
  const found = `${usable} of ${objects.value.length} ImageCaches are usable${why === '' ? '' : ` (${why})`}`;
  if (problems[0] !== undefined) {
    return warning(
      name,
      `${found}; ${problems.length} cannot be read, such as ${problems[0]}`,
      'kubectl get imagecaches.eci.alibabacloud.com -o yaml | imc lint -f -',
    );
  }
  if (usable === 0) {
    return warning(
      name,
      `${found}: no pod can be given one`,
      'see why: imc caches --kubeconfig FILE; make some: imc caches --kubeconfig FILE -f WORKLOADS --suggest -o yaml',
    );
  }
  return ok(name, found);
}

/** Whether every pod that a rule selects comes to the webhook: one of its selectors asks for a label of an entry. */
function isReached(rule: ProfileRule, entries: readonly WebhookEntry[]): boolean {
  // It brings no pod by itself, and applies to all that come (spec P2).
  if (!hasSelector(rule)) return true;
  return entries.some((entry) =>
    labelsAskedFor(entry).some(({ of, key, values }) => {
      const selector = of === 'namespace' ? rule.namespaceSelector : rule.objectSelector;
      return (selector?.requirements ?? []).some(
        (requirement) =>
          requirement.key === key &&
          requirement.operator === 'In' &&
          (values.length === 0 || requirement.values.every((value) => values.includes(value))),
      );
    }),
  );
}
