import { describe, expect, it } from 'vitest';
import {
  generatorNow,
  makeRng,
  randomReview,
  randomSettings,
  randomWorld,
  reviewOfAnswer,
  reviewOfAnswerWithSidecar,
  withSidecar,
} from '../oracle/generator.ts';
import { expectedAnswer } from '../oracle/oracle.ts';
import { expectSame } from './compare.ts';
import { engineAnswer, storeOf } from './engine-side.ts';

const WORLDS = 400;
const REVIEWS = 6;

describe('the engine answers as an independent reading of the contract', () => {
  it(`spec 2 to 6: ${WORLDS * REVIEWS} random reviews in ${WORLDS} random worlds`, () => {
    for (let seed = 1; seed <= WORLDS; seed += 1) {
      // Every fourth world is large, so that lists are long and ties are many.
      const world = randomWorld(seed, seed % 4 === 0 ? 400 : 60);
      const store = storeOf(world);
      const rng = makeRng(seed * 7919);
      const settings = randomSettings(rng);
      for (let i = 0; i < REVIEWS; i += 1) {
        const review = randomReview(rng, world);
        const where = `world ${seed}, review ${i}`;
        const expected = expectedAnswer(review, world, settings, generatorNow);
        const actual = engineAnswer(review, store, settings, generatorNow);
        expectSame(actual, expected, review, where);
        if (actual.httpStatus !== 200 || actual.allowed !== true || actual.outcome === 'Error') continue;

        const again = engineAnswer(reviewOfAnswer(review, expected), store, settings, generatorNow);
        expect(again.patched, `${where}: reviewed again (spec M11)`).toBe(false);

        const sidecar = reviewOfAnswerWithSidecar(review, expected, 'ghcr.io/acme/app:v1');
        const oracle = expectedAnswer(sidecar, world, settings, generatorNow);
        expectSame(engineAnswer(sidecar, store, settings, generatorNow), oracle, sidecar, `${where}, with a sidecar`);
        const direct = withSidecar(review, 'ghcr.io/acme/app:v1');
        expectSame(
          engineAnswer(direct, store, settings, generatorNow),
          expectedAnswer(direct, world, settings, generatorNow),
          direct,
          `${where}, with the sidecar from the start`,
        );
      }
    }
  });
});
