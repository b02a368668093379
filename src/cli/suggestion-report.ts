import type { CacheSuggestion, SuggestedCaches, SuggestionRefusal } from '../core/cache-suggestion.ts';
import type { ImageCacheIndex } from '../core/image-cache-index.ts';
import { IMAGES_LIMIT } from '../core/image-cache-spec.ts';
import { hasMutableTag } from '../core/image-reference.ts';
import { manifestOf } from '../wire/image-cache-manifest.ts';
import type { JsonObject } from '../wire/json.ts';
import { member, textMember } from '../wire/json.ts';
import { toYaml } from '../wire/yaml-text.ts';
import type { Cell } from './table.ts';
import { formatTable } from './table.ts';

/** A suggestion as an object to create, with what somebody should know who creates it. */
export interface Suggested {
  readonly suggestion: CacheSuggestion;
  readonly manifest: JsonObject;
  readonly name: string;
  /** How far `imageCacheSize` can be trusted, as a sentence; empty if every size is known. */
  readonly sizeNote: string;
  /** Other sentences. */
  readonly notes: readonly string[];
}

/** Suggested ImageCaches, ready to be printed. @param existing - the ImageCaches there are. */
export function suggestedOf(
  { suggestions }: SuggestedCaches,
  existing: ImageCacheIndex,
  mutableTags: readonly string[],
): readonly Suggested[] {
  return suggestions.map((suggestion) => {
    const manifest = manifestOf(suggestion);
    const name = textMember(member(manifest, 'metadata'), 'name');
    const notes = notesOf(suggestion, existing.get(name)?.phase, mutableTags);
    return { suggestion, manifest, name, sizeNote: sizeNoteOf(suggestion), notes };
  });
}

function sizeNoteOf({ images, unknownSizes, diskGib }: CacheSuggestion): string {
  if (unknownSizes.length === 0) return '';
  const unknown = unknownSizes.length === images.length ? 'no size is known' : `unknown: ${unknownSizes.join(', ')}`;
  return `imageCacheSize ${diskGib} is twice the known sizes, 20 at least (${unknown}); raise it if the images are large.`;
}

function notesOf(
  { images }: CacheSuggestion,
  namesakePhase: string | undefined,
  mutableTags: readonly string[],
): string[] {
  const notes: string[] = [];
  if (namesakePhase !== undefined) {
    const phase = namesakePhase || 'without a phase';
    notes.push(
      `An ImageCache of this name is there, and it is ${phase}: delete it first, since applying this changes nothing.`,
    );
  }
  const moving = images.filter((image) => hasMutableTag(image, mutableTags));
  if (moving.length > 0) {
    const keys = moving.map(({ key }) => key).join(', ');
    notes.push(`The cache keeps what these tags stand for when it is built, while they move on: ${keys}.`);
  }
  return notes;
}

/** Documents for `kubectl apply -f -`; notes are comments. */
export function suggestionsAsYaml(suggested: readonly Suggested[]): string {
  return suggested
    .map(({ suggestion, manifest, sizeNote, notes }) => {
      const comments = [`Covers ${suggestion.workloads.join(', ')}.`, ...(sizeNote === '' ? [] : [sizeNote]), ...notes];
      return comments.map((text) => `# ${oneLine(text)}\n`).join('') + toYaml(manifest);
    })
    .join('---\n');
}

/** A List for `kubectl apply -f -`. */
export function suggestionsAsJson(suggested: readonly Suggested[]): string {
  const items = suggested.map(({ manifest }) => manifest);
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2)}\n`;
}

/** The table of suggestions; `wide` names the images, too. */
export function formatSuggestionTable(suggested: readonly Suggested[], wide: boolean, colour: boolean): string {
  return formatTable(
    ['NAME', 'IMAGES', 'DISK', 'PLATFORM', 'NAMESPACE', 'COVERS', ...(wide ? ['HOLDS'] : [])],
    suggested.map(({ name, suggestion }): (Cell | string)[] => {
      const { images, diskGib, unknownSizes, platform, privateTo, workloads } = suggestion;
      const known = unknownSizes.length === 0 ? '' : `, ${unknownSizes.length} of ${images.length} sizes unknown`;
      return [
        name,
        String(images.length),
        { text: `${diskGib} GiB${known}`, style: known === '' ? undefined : 'yellow' },
        `${platform.os}/${platform.architecture}`,
        privateTo ?? '(all)',
        workloads.map(oneLine).join(', '),
        ...(wide ? [images.map(({ key }) => key).join(', ')] : []),
      ];
    }),
    colour,
  );
}

/** Why a workload gets no suggestion, as a sentence. */
export function refusalText(title: string, refusal: SuggestionRefusal): string {
  const workload = oneLine(title);
  switch (refusal.kind) {
    case 'TooManyImages':
      return `${workload} has ${refusal.count} images, and an ImageCache holds at most ${IMAGES_LIMIT}: it cannot be covered completely`;
    case 'InvalidReference': {
      const named = refusal.images.map((image) => JSON.stringify(image.slice(0, 256))).join(', ');
      return `${workload} has images that are no valid references: ${named}; correct them first`;
    }
    case 'MatchCountAboveImages':
      return `${workload} asks for ${refusal.matchCount} cached images and has ${refusal.count}: lower imc-match-count-request first`;
    case 'Building': {
      const { name, phase, progress } = refusal.cache;
      return `${workload} waits for ImageCache ${name} (${[phase || 'without a phase', progress].join(' ').trim()}), which holds all its images`;
    }
  }
}

/** Names come from files: nothing in them may end a comment or move the cursor. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ');
}
