/** A resource of the API, or one object of it. */
export interface ResourceAddress {
  /** Empty or absent for the core group. */
  readonly group?: string;
  readonly version: string;
  /** In the plural, as in `kubectl get`: `configmaps`. */
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  /** `status`, for example. */
  readonly subresource?: string;
}

/** `/api/v1/namespaces/web/configmaps/settings`, with every part escaped. */
export function resourcePath(address: ResourceAddress): string {
  const { group = '', version, resource, namespace, name, subresource } = address;
  const parts = [
    ...(group === '' ? ['api', version] : ['apis', group, version]),
    ...(namespace === undefined ? [] : ['namespaces', namespace]),
    resource,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
