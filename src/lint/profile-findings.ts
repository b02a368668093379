import type { FindingDefinition } from './finding-definition.ts';
import { profileExample } from './finding-definition.ts';

const EFFECT = '"effect": {"labels": {"cost-centre": "web"}}';
const WEB = '"objectSelector": {"matchLabels": {"app": "web"}}';
const GOOD = profileExample(`{"name": "web", ${WEB}, ${EFFECT}}`);
const TEAM = '"namespaceSelector": {"matchLabels": {"team": "web"}}';

function namespaceExample(team: string): string {
  return `apiVersion: v1\nkind: Namespace\nmetadata: {name: web, labels: {team: ${team}}}\n`;
}

/** Findings about the rules of the eci-profile (spec section 3). */
export const PROFILE_FINDINGS = {
  IMC101: {
    severity: 'error',
    title: 'the selectors of the eci-profile are not valid JSON',
    why: 'The whole text is rejected and the last good rules stay in force. Comments and trailing commas are no JSON.',
    remedy: 'correct the JSON at the place named',
    example: { bad: GOOD.replace('\n    ]', ',\n    ]'), good: GOOD },
  },
  IMC102: {
    severity: 'error',
    title: 'a rule of the eci-profile has a part of the wrong shape',
    why: 'One such part makes the whole text invalid: it is rejected and the last good rules stay in force.',
    remedy: 'write what is expected: rules have a name, selectors are LabelSelectors, effects map keys to texts',
    example: {
      bad: profileExample(`{"name": "web", ${WEB}, "effect": {"labels": {"cost-centre": 7}}}`),
      good: profileExample(`{"name": "web", ${WEB}, "effect": {"labels": {"cost-centre": "7"}}}`),
    },
  },
  IMC103: {
    severity: 'error',
    title: 'a rule of the eci-profile has a key or value that Kubernetes does not allow',
    why: 'It makes the whole text invalid: it is rejected and the last good rules stay in force.',
    remedy: 'use a legal label or annotation',
    example: {
      bad: profileExample(`{"name": "web", ${WEB}, "effect": {"labels": {"cost centre": "web"}}}`),
      good: GOOD,
    },
  },
  IMC104: {
    severity: 'error',
    title: 'two rules of the eci-profile have the same name',
    why: 'The whole text is rejected and the last good rules stay in force: a name must tell which rule is meant.',
    remedy: 'rename one of the two',
    example: {
      bad: profileExample(
        `{"name": "web", ${WEB}, ${EFFECT}}`,
        `{"name": "web", ${TEAM}, "effect": {"labels": {"a": "b"}}}`,
      ),
      good: profileExample(
        `{"name": "web", ${WEB}, ${EFFECT}}`,
        `{"name": "team", ${TEAM}, "effect": {"labels": {"a": "b"}}}`,
      ),
    },
  },
  IMC105: {
    severity: 'error',
    title: 'a rule of the eci-profile sets a key that no rule may set',
    why:
      'Such keys could make every pod invalid or hide it from the webhook, so the whole text is rejected and the last ' +
      'good rules stay in force.',
    remedy: 'take the key out of the effect; set it on the pods that need it',
    example: {
      bad: profileExample(`{"name": "web", ${WEB}, "effect": {"labels": {"alibabacloud.com/acs": "true"}}}`),
      good: GOOD,
    },
  },
  IMC106: {
    severity: 'warning',
    title: 'a rule of the eci-profile has no effect',
    why: 'It adds nothing to the pods it matches. It still marks them as pods to be handled, if it has a selector.',
    remedy: 'add effect.annotations or effect.labels, or remove the rule',
    example: { bad: profileExample(`{"name": "web", ${WEB}}`), good: GOOD },
  },
  IMC107: {
    severity: 'warning',
    title: 'a rule of the eci-profile has a field that is not known',
    why: 'The field is ignored. Mostly it is misspelt, or stands at the wrong level.',
    remedy: 'remove or rename it',
    example: {
      bad: profileExample(`{"name": "web", "policy": "fair", ${WEB}, ${EFFECT}}`),
      good: GOOD,
    },
  },
  IMC108: {
    severity: 'info',
    title: 'a rule of the eci-profile has no selector',
    why: 'It applies to every pod that is handled, in every namespace. If that is meant, all is well.',
    remedy: 'add a namespaceSelector or an objectSelector if it is meant for some pods only',
    example: { bad: profileExample(`{"name": "web", ${EFFECT}}`), good: GOOD },
  },
  IMC109: {
    severity: 'warning',
    title: 'a rule of the eci-profile can never match',
    why:
      'Its requirements contradict each other, or it asks for pods that are always left alone: those of system ' +
      'namespaces, of ACS, and those marked to be ignored.',
    remedy: 'correct the selector, or remove the rule',
    example: {
      bad: profileExample(
        `{"name": "web", "objectSelector": {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, ${EFFECT}}`,
      ),
      good: GOOD,
    },
  },
  IMC110: {
    severity: 'warning',
    title: 'everything a rule of the eci-profile sets is set by earlier rules',
    why: 'An earlier rule wins over a later one. Earlier rules match whenever this one does and set all of its keys.',
    remedy: 'move the rule up, narrow the earlier one, or remove it',
    example: {
      bad: profileExample(
        `{"name": "all", "effect": {"labels": {"cost-centre": "shared"}}}`,
        `{"name": "web", ${WEB}, ${EFFECT}}`,
      ),
      good: profileExample(
        `{"name": "web", ${WEB}, ${EFFECT}}`,
        `{"name": "all", "effect": {"labels": {"cost-centre": "shared"}}}`,
      ),
    },
  },
  IMC111: {
    severity: 'warning',
    title: 'a rule of the eci-profile matches none of the Namespaces given',
    why: 'No pod of these namespaces gets its effect. It is looked for only if the files hold Namespaces.',
    remedy: 'label a Namespace, correct the selector, or lint the missing Namespace as well',
    example: {
      bad: `${namespaceExample('shop')}---\n${profileExample(`{"name": "web", ${TEAM}, ${EFFECT}}`)}`,
      good: `${namespaceExample('web')}---\n${profileExample(`{"name": "web", ${TEAM}, ${EFFECT}}`)}`,
    },
  },
  IMC112: {
    severity: 'warning',
    title: 'an eci-profile stands in a namespace where nobody reads it',
    why: 'Only the ConfigMap kube-system/eci-profile counts; its rules are never applied.',
    remedy: 'set metadata.namespace to kube-system',
    example: { bad: GOOD.replace('kube-system', 'web'), good: GOOD },
  },
} as const satisfies Readonly<Record<string, FindingDefinition>>;
