import { describe, expect, it } from 'vitest';
import { creationText, newCacheFor } from '../../src/cli/new-cache.ts';
import { reviewablesOf } from '../../src/cli/review-subjects.ts';
import { decide } from '../../src/core/decision.ts';
import { DEFAULT_CREATION_SETTINGS, DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { decodePod } from '../../src/wire/pod.ts';
import { aClusterView, NOW_MS } from '../support/cluster-builder.ts';
import type { ImageCacheBuilder } from '../support/image-cache-builder.ts';
import { anImageCache } from '../support/image-cache-builder.ts';
import type { PodBuilder } from '../support/pod-builder.ts';
import { anEciPod } from '../support/pod-builder.ts';

const NGINX = anEciPod().withImage('nginx:1.25');
const NAME = 'auto-49445d9b9da82ec8';
const OURS = anImageCache(NAME).holding('nginx:1.25').withLabel('imc-webhook/auto-created', 'true');

function textFor(
  pod: PodBuilder,
  caches: readonly ImageCacheBuilder[] = [],
  autoCreate: Partial<typeof DEFAULT_CREATION_SETTINGS> = {},
  driver: typeof DEFAULT_SETTINGS.controllerDriver = 'simulated',
): string | undefined {
  const settings = {
    decision: { ...DEFAULT_SETTINGS, controllerDriver: driver },
    autoCreate: { ...DEFAULT_CREATION_SETTINGS, ...autoCreate },
  };
  const cluster = aClusterView({ caches });
  const value = pod.inNamespace('default').build();
  const [reviewable] = reviewablesOf(
    [{ value, origin: { file: 'f', position: () => ({ line: 1, column: 1 }) } }],
    'default',
  );
  const context = { cluster, settings: settings.decision, nowMs: NOW_MS, ownNamespace: undefined };
  const decision = decide(decodePod(value), 'default', context);
  const newCache = reviewable && newCacheFor(reviewable, decision, cluster, settings, NOW_MS);
  return newCache && creationText(newCache, settings.autoCreate);
}

describe('imc explain: the new ImageCache (spec N2, N3)', () => {
  it.each<[string, string | undefined, RegExp | undefined]>([
    ['made', textFor(NGINX), /^auto-49445d9b9da82ec8 is made/],
    ['not wanted', textFor(NGINX, [anImageCache('web').holding('nginx:1.25')]), undefined],
    ['Disabled', textFor(NGINX, [], {}, 'external'), /none is made: autoCreate.enabled/],
    ['asked for in spite of the driver', textFor(NGINX, [], { enabled: 'true' }, 'external'), /is made, for/],
    ['NoImages', textFor(anEciPod()), undefined],
    [
      'TooManyImages',
      textFor(anEciPod().withImages(...Array.from({ length: 21 }, (_, i) => `a/b:${i}`))),
      /at most 20/,
    ],
    ['InvalidReference', textFor(NGINX.withImage('Nginx')), /Nginx is no image reference/],
    ['an empty reference', textFor(NGINX.withImage('')), /an empty text is no image reference/],
    [
      'NotAllowed',
      textFor(NGINX, [], { allow: ['x/*'] }),
      /autoCreate.allow does not name docker.io\/library\/nginx:1.25/,
    ],
    ['Denied', textFor(NGINX, [], { deny: ['*nginx*'] }), /autoCreate.deny names docker.io\/library\/nginx:1.25/],
    ['MutableTag', textFor(anEciPod().withImage('nginx')), /the tag of docker.io\/library\/nginx:latest moves/],
    [
      'Building',
      textFor(NGINX, [OURS.inPhase('Creating', '45%').createdAt('2026-01-15T11:59:00Z')]),
      /is being built, 45%/,
    ],
    ['NameTaken', textFor(NGINX, [anImageCache(NAME).holding('redis:1')]), /somebody else made an ImageCache auto-/],
    ['Retiring', textFor(NGINX, [OURS.retiring()]), /somebody labelled auto-49445d9b9da82ec8 retiring/],
    ['MaxCaches', textFor(NGINX, [], { maxCaches: 0 }), /there are 0 already and none is idle/],
    ['PerMinute', textFor(NGINX, [], { perMinute: 0 }), /enough were made within a minute/],
  ])('%s', (_title, text, expected) => {
    if (expected === undefined) expect(text).toBeUndefined();
    else expect(text).toMatch(expected);
  });
});
