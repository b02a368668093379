import { RESOURCES } from '../cluster/cluster-store.ts';
import { CREATION_RESULTS } from '../controller/auto-creator.ts';
import { OUTCOMES } from '../core/outcome.ts';
import { RESTART_CAUSES } from '../kubernetes/reflector.ts';
import { Metrics } from '../telemetry/metrics.ts';

/** The metrics of this program, with every value their labels can have. */
export function createMetrics(version: string) {
  return new Metrics({
    version,
    outcomes: OUTCOMES,
    resources: RESOURCES,
    restartCauses: RESTART_CAUSES,
    creations: CREATION_RESULTS,
  });
}
