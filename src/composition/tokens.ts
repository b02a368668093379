import type { AdmissionReviewer } from '../admission/reviewer.ts';
import type { CertificateSource } from '../certs/certificate-source.ts';
import type { ClusterSource } from '../cluster/cluster-source.ts';
import type { ClusterStore, Resource } from '../cluster/cluster-store.ts';
import type { HotSettings, ServeSettings } from '../config/config.ts';
import type { CreationResult } from '../controller/auto-creator.ts';
import type { Outcome } from '../core/outcome.ts';
import type { DecisionSettings } from '../core/settings.ts';
import type { EmbeddedSource } from '../embedded/embedded-source.ts';
import type { RestartCause } from '../kubernetes/reflector.ts';
import type { AdmissionServer } from '../server/admission-server.ts';
import type { OperationsServer } from '../server/operations-server.ts';
import type { Readiness } from '../server/readiness.ts';
import type { RootLogger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Background } from './background.ts';
import { token } from './token.ts';

/** What the parts are made from: bound to values before anything is asked for. */
export const INPUTS = {
  /** The decision settings in force, asked for at every review. */
  decisionSettings: token<() => DecisionSettings>('decisionSettings'),
  /** All settings in force that may change. */
  hotSettings: token<() => HotSettings>('hotSettings'),
  serveSettings: token<ServeSettings>('serveSettings'),
  /** Milliseconds since the epoch. */
  clock: token<() => number>('clock'),
  /** Usually `process.env`: where a kubeconfig may be named. */
  environment: token<Readonly<Record<string, string | undefined>>>('environment'),
  /** Whether a namespace that is not known may still be on its way (spec G6). */
  namespacesMayLag: token<{ readonly value: boolean }>('namespacesMayLag'),
  /** The namespace this program runs in, if any. */
  ownNamespace: token<{ readonly name: string | undefined }>('ownNamespace'),
  logger: token<RootLogger>('logger'),
  /** PEM of the CA that callers' certificates must come from, if any. */
  clientCa: token<{ readonly pem: string | undefined }>('clientCa'),
} as const;

/** The parts of the program. */
export const TOKENS = {
  store: token<ClusterStore>('store'),
  embeddedSource: token<EmbeddedSource>('embeddedSource'),
  source: token<ClusterSource>('source'),
  reviewer: token<AdmissionReviewer>('reviewer'),
  metrics: token<Metrics<Outcome, Resource, RestartCause, CreationResult>>('metrics'),
  /** What goes on beside the answering of reviews, if anything does. */
  background: token<Background>('background'),
  certificates: token<CertificateSource>('certificates'),
  readiness: token<Readiness>('readiness'),
  admissionServer: token<AdmissionServer>('admissionServer'),
  operationsServer: token<OperationsServer>('operationsServer'),
} as const;
