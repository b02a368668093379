import type { JsonObject } from '../wire/json.ts';
import { isJsonObject, listMember, member, textMember } from '../wire/json.ts';
import type { Check } from './check.ts';
import { failed, ok, skipped, warning } from './check.ts';
import type { Answer } from './live-cluster.ts';
import { found, problemOf } from './live-cluster.ts';

/** The oldest release that the program is tested with. */
const OLDEST_MINOR = 20;

/** Whether the API server answers, and with a release that is supported. */
export function checkApiServer(server: string, version: Answer<JsonObject>): Check {
  const name = 'api-server';
  if (version.kind !== 'found') {
    const problem = version.kind === 'absent' ? `${server} is no API server: it has no /version` : version.problem;
    return failed(
      name,
      problem,
      'try `kubectl version` with the same kubeconfig and context; see --kubeconfig, --context',
    );
  }
  const text = textMember(version.value, 'gitVersion');
  const major = Number.parseInt(textMember(version.value, 'major'), 10);
  const minor = Number.parseInt(textMember(version.value, 'minor'), 10);
  const release = text || `${textMember(version.value, 'major')}.${textMember(version.value, 'minor')}`;
  if (Number.isNaN(major) || Number.isNaN(minor)) {
    return warning(name, `${server} does not say which release it is`, 'check that this is the API server');
  }
  if (major === 1 && minor < OLDEST_MINOR) {
    return failed(name, `Kubernetes ${release} is older than 1.${OLDEST_MINOR}`, 'upgrade the cluster');
  }
  return ok(name, `Kubernetes ${release} at ${server}`);
}

/** What the API server says of the resource ImageCache. */
export interface DefinitionAnswers {
  /** Discovery of the group's version v1, which anybody may read. */
  readonly version: Answer<JsonObject>;
  /** Discovery of the group. */
  readonly group: Answer<JsonObject>;
  /** The CustomResourceDefinition itself. */
  readonly definition: Answer<JsonObject>;
}

const INSTALL =
  'install it: kubectl apply -f charts/eci-imagecache-webhook/crds/imagecaches.yaml (or ECI’s virtual node)';

/** Whether there are ImageCaches as the program reads them, the vendor's or ours. */
export function checkDefinition({ version, group, definition }: DefinitionAnswers): Check {
  const name = 'crd';
  if (version.kind === 'unreadable') return skipped(name, problemOf(version, 'the API of ImageCaches'));
  const resources = version.kind === 'found' ? listMember(version.value, 'resources') : [];
  const resource = resources.find((each) => textMember(each, 'name') === 'imagecaches');
  if (resource === undefined) {
    const others = listMember(found(group), 'versions').map((each) => textMember(each, 'version'));
    if (others.length > 0) {
      return failed(
        name,
        `eci.alibabacloud.com serves ${others.join(', ')}, but no imagecaches in v1`,
        'replace the CRD by one that serves v1: kubectl apply -f charts/eci-imagecache-webhook/crds/imagecaches.yaml',
      );
    }
    return failed(
      name,
      'there is no CRD imagecaches.eci.alibabacloud.com, so pods get no pin, as with no ImageCache at all',
      INSTALL,
    );
  }
  if (member(resource, 'namespaced') === true) {
    return failed(
      name,
      'ImageCaches belong to namespaces here; they have to be of the whole cluster',
      'replace the CRD: kubectl delete crd imagecaches.eci.alibabacloud.com, which deletes all ImageCaches; then ' +
        INSTALL,
    );
  }
  if (!resources.some((each) => textMember(each, 'name') === 'imagecaches/status')) {
    return warning(
      name,
      'imagecaches.eci.alibabacloud.com has no subresource status, which builders write to',
      'compare it with the vendor’s, or with charts/eci-imagecache-webhook/crds/imagecaches.yaml',
    );
  }
  return ok(name, `imagecaches.eci.alibabacloud.com serves v1 with status; ${recordedImages(definition)}`);
}

/** Where recorded images can live: not in the status if its schema prunes them. */
function recordedImages(definition: Answer<JsonObject>): string {
  if (definition.kind !== 'found') return 'its schema cannot be read, which nothing depends on';
  const spec = member(definition.value, 'spec');
  const version = listMember(spec, 'versions').find((each) => textMember(each, 'name') === 'v1');
  const root = member(member(version, 'schema'), 'openAPIV3Schema');
  const status = member(member(root, 'properties'), 'status');
  const keepsAll = [root, status].some((schema) => member(schema, 'x-kubernetes-preserve-unknown-fields') === true);
  const keepsImages =
    member(spec, 'preserveUnknownFields') === true ||
    keepsAll ||
    isJsonObject(member(member(status, 'properties'), 'images'));
  return keepsImages
    ? 'its schema keeps status.images'
    : 'its schema, the vendor’s, prunes status.images: recorded images are read from the annotation imc-webhook/images';
}
