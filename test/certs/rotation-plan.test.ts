import { describe, expect, it } from 'vitest';
import type { AuthorityFacts, LeafFacts, RotationState, RotationStep } from '../../src/certs/rotation-plan.ts';
import { nextRotationStep, PROPAGATION_MS } from '../../src/certs/rotation-plan.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00Z');
const DAY_MS = 24 * 60 * 60 * 1000;

const NEW = anAuthority('new');
const OLD = anAuthority('old');

describe('nextRotationStep (spec S1)', () => {
  it.each<[string, Partial<RotationState>, Partial<RotationStep>]>([
    ['is content when all is well', {}, { kind: 'wait', reason: 'settled' }],
    ['makes a CA when there is none', { authority: { kind: 'absent' } }, { kind: 'make authority' }],
    ['makes a CA when its Secret is damaged', { authority: { kind: 'unusable' } }, { kind: 'make authority' }],
    [
      'makes a CA at two thirds of the life of the old one',
      held(anAuthority('new', -68, 32)),
      { kind: 'make authority' },
    ],
    ['keeps a CA before that', held(anAuthority('new', -66, 34)), { kind: 'wait', reason: 'settled' }],
    ['makes a CA when the old one begins in the future', held(anAuthority('new', 1, 9)), { kind: 'make authority' }],
    [
      'leaves the data of others alone: CA',
      { authority: { kind: 'foreign' } },
      { kind: 'stuck', reason: 'foreign authority' },
    ],
    ['leaves the data of others alone', { serving: { kind: 'foreign' } }, { kind: 'stuck', reason: 'foreign serving' }],
    ['waits for the configuration', { registered: undefined }, { kind: 'wait', reason: 'not registered' }],
    ['waits for webhooks in the configuration', { registered: [] }, { kind: 'wait', reason: 'not registered' }],
    ['publishes a CA before it is used', { registered: [bundle()] }, { kind: 'publish', bundle: ['new'] }],
    [
      'repairs each caBundle that somebody changed',
      { registered: [bundle(NEW), bundle(), bundle(NEW)] },
      { kind: 'publish', bundle: ['new'] },
    ],
    [
      'takes what is no CA out of a caBundle',
      { registered: [{ authorities: [NEW], hasOther: true }] },
      { kind: 'publish', bundle: ['new'] },
    ],
    ['writes a CA once', { registered: [bundle(NEW, NEW)] }, { kind: 'publish', bundle: ['new'] }],
    [
      'is not misled by a CA that stands there twice',
      { registered: [bundle(NEW, NEW)], serving: served('old', bundle(OLD)) },
      { kind: 'publish', bundle: ['new', 'old'] },
    ],
    [
      'keeps what is trusted when it adds a CA',
      { registered: [bundle(OLD)], serving: served('old', bundle(OLD)) },
      { kind: 'publish', bundle: ['new', 'old'] },
    ],
    [
      'keeps a CA that only the Secret knows of: the caBundle was reset',
      { registered: [bundle()], serving: served('old', bundle(OLD)) },
      { kind: 'publish', bundle: ['new', 'old'] },
    ],
    [
      'issues nothing from a CA that API servers may not have heard of',
      { registered: [bundle(NEW, OLD)], serving: served('old', bundle(NEW, OLD)), trustedForMs: PROPAGATION_MS - 1 },
      { kind: 'wait', reason: 'trust' },
    ],
    [
      'issues a certificate of the new CA after that',
      { registered: [bundle(NEW, OLD)], serving: served('old', bundle(NEW, OLD)) },
      { kind: 'store', bundle: ['new', 'old'], renewal: 'there is a new CA' },
    ],
    [
      'issues nothing from a CA that begins in some minutes',
      {
        authority: { kind: 'held', authority: { ...NEW, notBeforeMs: NOW_MS + 60_000 } },
        serving: served('old', bundle(NEW, OLD)),
        registered: [bundle(NEW, OLD)],
      },
      { kind: 'wait', reason: 'trust' },
    ],
    [
      'issues the first certificate at once: there is no older one to protect',
      { serving: { kind: 'absent' }, trustedForMs: 0 },
      { kind: 'store', bundle: ['new'], renewal: 'there was none' },
    ],
    [
      'does not hurry when the Secret is lost while an older CA is in use, but keeps that CA in mind',
      { registered: [bundle(NEW, OLD)], serving: { kind: 'absent' }, trustedForMs: 0 },
      { kind: 'store', bundle: ['new', 'old'], renewal: undefined },
    ],
    [
      'waits after that',
      {
        registered: [bundle(NEW, OLD)],
        serving: { kind: 'held', leaf: undefined, bundle: bundle(NEW, OLD) },
        trustedForMs: 0,
      },
      { kind: 'wait', reason: 'trust' },
    ],
    ['renews at two thirds', servedLeaf(aLeaf('new', -68, 32)), { kind: 'store', renewal: 'the old one is due' }],
    ['renews what has ended', servedLeaf(aLeaf('new', -90, -1)), { kind: 'store', renewal: 'the old one has ended' }],
    ['does not renew before', servedLeaf(aLeaf('new', -66, 34)), { kind: 'wait', reason: 'settled' }],
    [
      'renews what begins in the future',
      servedLeaf(aLeaf('new', 1, 90)),
      { kind: 'store', renewal: 'the old one begins in the future' },
    ],
    [
      'renews when the host names change',
      servedLeaf({ ...aLeaf('new'), coversHosts: false }),
      { kind: 'store', renewal: 'the host names changed' },
    ],
    [
      'renews what no known CA signed',
      servedLeaf({ ...aLeaf('new'), issuer: undefined }),
      { kind: 'store', renewal: 'there is a new CA' },
    ],
    [
      'repairs the bundle of the Secret without a new certificate',
      { serving: served('new', bundle()) },
      { kind: 'store', bundle: ['new'], renewal: undefined },
    ],
    [
      'keeps the old CA while replicas have hardly had time to read the new certificate',
      { ...rotated(), offeredForMs: PROPAGATION_MS - 1 },
      { kind: 'wait', reason: 'replicas' },
    ],
    ['asks replicas after that', rotated(), { kind: 'ask replicas' }],
    [
      'keeps the old CA while one is behind',
      { ...rotated(), replicas: 'behind' },
      { kind: 'wait', reason: 'replicas' },
    ],
    ['drops it when none is', { ...rotated(), replicas: 'converged' }, { kind: 'publish', bundle: ['new'] }],
    [
      'drops it from the Secret as well',
      { ...rotated(), registered: [bundle(NEW)], replicas: 'converged' },
      { kind: 'store', bundle: ['new'], renewal: undefined },
    ],
    [
      'keeps even a CA that has ended until replicas were asked: our clock may be wrong',
      { ...rotated(), registered: [bundle(NEW, anAuthority('old', -90, -1))], offeredForMs: 0 },
      { kind: 'wait', reason: 'replicas' },
    ],
  ])('%s', (_title, change, step) => {
    expect(nextRotationStep({ ...settled(), ...change })).toMatchObject(step);
  });
});

function settled(): RotationState {
  return {
    nowMs: NOW_MS,
    authority: { kind: 'held', authority: NEW },
    serving: served('new', bundle(NEW)),
    registered: [bundle(NEW)],
    trustedForMs: PROPAGATION_MS,
    offeredForMs: PROPAGATION_MS,
    replicas: 'not asked',
  };
}

function rotated(): Partial<RotationState> {
  return { registered: [bundle(OLD, NEW)], serving: served('new', bundle(NEW, OLD)) };
}

function held(authority: AuthorityFacts): Partial<RotationState> {
  return { authority: { kind: 'held', authority } };
}

function servedLeaf(leaf: LeafFacts): Partial<RotationState> {
  return { serving: { kind: 'held', leaf, bundle: bundle(NEW) } };
}

function served(issuer: string, of: ReturnType<typeof bundle>) {
  return { kind: 'held' as const, leaf: aLeaf(issuer), bundle: of };
}

function bundle(...authorities: AuthorityFacts[]) {
  return { authorities, hasOther: false };
}

function anAuthority(id: string, fromDay = -10, toDay = 90): AuthorityFacts {
  return { id, notBeforeMs: NOW_MS + fromDay * DAY_MS, notAfterMs: NOW_MS + toDay * DAY_MS };
}

function aLeaf(issuer: string, fromDay = -10, toDay = 90): LeafFacts {
  return {
    issuer,
    notBeforeMs: NOW_MS + fromDay * DAY_MS,
    notAfterMs: NOW_MS + toDay * DAY_MS,
    coversHosts: true,
  };
}
