import { ECI_LABEL } from '../core/keys.ts';
import type { JsonObject } from './json.ts';

/**
 * A pod that is on ECI beyond doubt, and refused by no Pod Security level, to be created as a dry run. It could not start,
 * but nothing is stored either.
 *
 * @param labels - besides that of ECI.
 */
export function probePod(labels: Readonly<Record<string, string>> = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'imc-probe-', labels: { [ECI_LABEL]: 'true', ...labels } },
    spec: {
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'probe',
          image: 'registry.invalid/imc-probe:1',
          resources: { requests: { cpu: '1m', memory: '1Mi' }, limits: { cpu: '1m', memory: '1Mi' } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  };
}
