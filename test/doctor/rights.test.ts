import { describe, expect, it } from 'vitest';
import type { AskedRight } from '../../src/doctor/check-rights.ts';
import { accessReviewOf, checkRights, rightsOfController, rightsOfServe } from '../../src/doctor/check-rights.ts';
import { installationsAmong } from '../../src/doctor/installation.ts';
import { aDeployment, NAME, NAMESPACE } from './installed.ts';

const [installation] = installationsAmong([
  aDeployment({ args: ['serve', '--tls-secret=imc-tls', '--profile-config-map=imc-profile'] }),
  aDeployment({
    component: 'controller',
    args: ['controller', '--controller-lease=imc', '--tls-secret=imc-tls', '--tls-webhook-configuration=zz-imc'],
  }),
]);
if (installation?.controller === undefined) throw new Error('not read');
const serve = rightsOfServe(installation);
const controller = rightsOfController(installation, installation.controller);

/** The rights as an API server would tell: as they should be, but for some. */
function asked(rights: typeof serve, isOdd: (right: AskedRight['right']) => boolean = () => false): AskedRight[] {
  return rights.map(({ right, isWanted }) => ({
    right,
    isWanted,
    answer: { kind: 'found', value: { status: { allowed: isWanted !== isOdd(right) } } },
  }));
}

const titles = (rights: typeof serve, wanted: boolean): string[] =>
  rights
    .filter(({ isWanted }) => isWanted === wanted)
    .map(({ right: { verb, resource, subresource = '', namespace = '*', name = '' } }) =>
      [namespace, verb, `${resource}${subresource && `/${subresource}`}`, name].filter(Boolean).join(' '),
    );

describe('rights (spec S6)', () => {
  it('of serve: it reads, and writes Events', () => {
    const writing = titles(serve, true).filter((title) => !/ (get|list|watch) /.test(title));
    expect(writing).toEqual(['kube-system create events']);
    expect(titles(serve, true)).toContain('imc-system get secrets imc-tls');
  });

  it('of the controller: two Secrets and one configuration, by their names', () => {
    const rights = titles(controller, true);
    expect(rights.filter((title) => title.includes('secrets'))).toEqual([
      'imc-system get secrets imc-tls',
      'imc-system patch secrets imc-tls',
      'imc-system get secrets imc-tls-ca',
      'imc-system patch secrets imc-tls-ca',
    ]);
    expect(rights).toContain('* patch mutatingwebhookconfigurations zz-imc');
  });

  it.each([
    ['serve', serve],
    ['the controller', controller],
  ])('%s must not read Secrets of the cluster', (_title, rights) => {
    expect(titles(rights, false)).toEqual(expect.arrayContaining(['* get secrets', '* list secrets']));
  });

  it('are asked for as the API server knows service accounts', () => {
    const right = { verb: 'get', resource: 'secrets', namespace: NAMESPACE, name: 'imc-tls' };
    expect(accessReviewOf(NAMESPACE, NAME, right)).toMatchObject({
      kind: 'SubjectAccessReview',
      spec: {
        user: `system:serviceaccount:${NAMESPACE}:${NAME}`,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${NAMESPACE}`, 'system:authenticated'],
        resourceAttributes: right,
      },
    });
  });

  it('all there, and no other', () => {
    expect(checkRights('serve-rights', installation, NAME, asked(serve))).toMatchObject({ result: 'ok', remedy: '' });
  });

  it('some missing', () => {
    const check = checkRights(
      'serve-rights',
      installation,
      NAME,
      asked(serve, ({ resource }) => resource === 'namespaces'),
    );
    expect(check).toMatchObject({ result: 'failed', found: `${NAME} may not get, list, watch namespaces` });
    expect(check.remedy).toMatch(/kubectl auth can-i get namespaces --all-namespaces --as=system:serviceaccount:/);
  });

  it('one too many', () => {
    const isOdd = ({ verb, resource, namespace }: AskedRight['right']): boolean =>
      verb === 'list' && resource === 'secrets' && namespace === undefined;
    const check = checkRights('controller-rights', installation, 'c', asked(controller, isOdd));
    expect(check).toMatchObject({ result: 'failed', found: 'c has more rights than it needs: it may list secrets' });
  });

  it('that cannot be asked for are skipped', () => {
    const answer = { kind: 'unreadable', problem: 'forbidden', isForbidden: true } as const;
    const check = checkRights('serve-rights', installation, NAME, [
      ...asked(serve),
      { right: { verb: 'get', resource: 'x' }, isWanted: true, answer },
    ]);
    expect(check).toMatchObject({ result: 'skipped', found: expect.stringContaining('forbidden') });
  });
});
