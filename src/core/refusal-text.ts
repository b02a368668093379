import type { PlanRefusal } from './creation-plan.ts';
import { IMAGES_LIMIT } from './image-cache-spec.ts';

/** Why no ImageCache is made, in the words of a user, with what to do about it. */
export function refusalText(name: string, refusal: PlanRefusal, maxCaches: number): string {
  switch (refusal.reason) {
    case 'Disabled':
      return 'autoCreate.enabled, mode or controller.driver says so; with the driver external ECI makes one by itself';
    case 'NoImages':
      return 'the pod has no images';
    case 'TooManyImages':
      return `an ImageCache holds at most ${IMAGES_LIMIT} images`;
    case 'InvalidReference':
      return `${refusal.image || 'an empty text'} is no image reference`;
    case 'NotAllowed':
      return `autoCreate.allow does not name ${refusal.image}`;
    case 'Denied':
      return `autoCreate.deny names ${refusal.image}`;
    case 'MutableTag':
      return `the tag of ${refusal.image} moves (autoCreate.mutableTags); use another, a digest, or imagePullPolicy Always`;
    case 'Usable':
      return `${refusal.cache.name} has exactly these images`;
    case 'Building':
      return `${refusal.cache.name} is being built${refusal.cache.progress === '' ? '' : `, ${refusal.cache.progress}`}`;
    case 'NameTaken':
      return `somebody else made an ImageCache ${name}; delete it`;
    case 'Retiring':
      return `somebody labelled ${name} retiring; delete it, or take the label away`;
    case 'MaxCaches':
      return `there are ${maxCaches} already and none is idle (autoCreate.maxCaches)`;
    case 'PerMinute':
      return 'enough were made within a minute (autoCreate.perMinute); it comes later';
    case 'GivenUp':
      return 'it failed too often; change the images';
    case 'RetryLater':
      return `it failed, and is tried again at ${new Date(refusal.atMs).toISOString()}`;
  }
}
