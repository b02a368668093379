import { z } from 'zod';
import { SKIP_REASONS } from '../core/gate.ts';
import { OUTCOMES } from '../core/outcome.ts';

/** apiVersion and kind of a document of cases. */
export const CASE_API_VERSION = 'imc-webhook/v1';
export const CASE_KIND = 'AdmissionTest';

const name = z.string().min(1);
const path = z.string().min(1);
const pattern = z.string().min(1);

/** What a case expects of the answer (spec section 8). */
export const EXPECTATION = z.strictObject({
  allowed: z.boolean().optional().describe('Whether the pod is admitted. Without it, a case expects that it is.'),
  // In a case the files are always read, and nothing has a deadline.
  outcome: z.enum(OUTCOMES).exclude(['NotSynced', 'Late']).optional().describe('How the review ends.'),
  reason: z
    .enum(SKIP_REASONS)
    .exclude(['OwnNamespace'])
    .optional()
    .describe('Why the pod is left alone; goes with the outcome Skipped.'),
  cache: name
    .optional()
    .describe('Name of the ImageCache that the decision names: the pinned one, or the best of the ranking.'),
  missing: z
    .array(name)
    .optional()
    .describe('Exactly the images of the pod that this ImageCache does not hold; [] when it holds all of them.'),
  rules: z
    .array(name)
    .optional()
    .describe('Exactly the names of the eci-profile rules that match, in any order; [] when none does.'),
  annotations: z.record(z.string(), z.string()).optional().describe('Annotations of the pod after the review.'),
  labels: z.record(z.string(), z.string()).optional().describe('Labels of the pod after the review.'),
  absent: z.array(name).optional().describe('Keys of annotations and labels that the pod must not have afterwards.'),
  warnings: z
    .array(pattern)
    .optional()
    .describe('Regular expressions, each of which some warning must match; [] when there must be no warning.'),
  message: pattern
    .optional()
    .describe('A regular expression that the message of a refusal must match; goes with allowed: false.'),
  creates: z
    .boolean()
    .optional()
    .describe('Whether a new ImageCache is wanted for this pod: nothing usable holds all of its images.'),
  exact: z
    .boolean()
    .optional()
    .describe('With true, an annotation, label or warning that is added and not expected here is a failure.'),
});

/** What a case expects. */
export type Expectation = z.infer<typeof EXPECTATION>;

export const POD_FILE = z.strictObject({
  file: path.describe('A file beside this one.'),
  name: name.describe('Which pod of the file: Deployment/web, or web.'),
});

/** An object of Kubernetes; what is in it is checked when it is used. */
const INLINE_OBJECT = z.looseObject({ apiVersion: z.string(), kind: z.string() });

export const CASE = z.strictObject({
  name: name.describe('What the case shows; unique in its document.'),
  pod: z
    .union([path, POD_FILE, INLINE_OBJECT], {
      error: 'expected a file beside this one, {file, name} for one pod of several, or the object itself with its kind',
    })
    .describe('The pod to be created: a file, one pod of a file, or any object with a pod template, written here.'),
  namespace: name.optional().describe('Namespace of the pod; without it the one in its manifest, else default.'),
  namespaceLabels: z
    .record(z.string(), z.string())
    .optional()
    .describe('All labels of that namespace, in place of those among the resources.'),
  operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']).optional().describe('Default CREATE.'),
  dryRun: z.boolean().optional().describe('Default false.'),
  expect: EXPECTATION.optional().describe('What must come of it; at least one expectation.'),
});

/** One document of a case file (spec section 8): the shape that parses it, and its JSON Schema with `z.toJSONSchema`. */
export const CASE_FILE_SCHEMA = z.strictObject({
  apiVersion: z.literal(CASE_API_VERSION),
  kind: z.literal(CASE_KIND),
  metadata: z.strictObject({ name: name.describe('What these cases are about.') }),
  resources: z
    .array(z.union([path, INLINE_OBJECT], { error: 'expected a file or folder beside this one, or an object' }))
    .optional()
    .describe('The cluster: files or folders with ImageCaches, Namespaces and the eci-profile, or such objects.'),
  config: z
    .union([path, z.looseObject({})], { error: 'expected settings such as {partialMatch: pin}, or a settings file' })
    .optional()
    .describe('Settings for the decisions, as in a settings file, or the path of one. Without it the defaults hold.'),
  now: z
    .string()
    .optional()
    .describe('The time it is in these cases (RFC 3339), so that expiring ImageCaches stay what they are.'),
  cases: z.array(CASE).min(1, 'expected at least one case'),
});

/** One document of a case file. */
export type CaseDocument = z.infer<typeof CASE_FILE_SCHEMA>;

/** One case of a document. */
export type CaseDefinition = CaseDocument['cases'][number];
