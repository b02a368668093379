import type { CertificateCheck } from '../certs/certificate-checks.ts';
import type { PlacedCertificate } from '../certs/certificate-description.ts';
import type { ClusterSettings, ConfigRequest, LoadedConfig } from '../config/config.ts';

import type { ClusterView } from '../core/cluster-view.ts';
import type { Decision } from '../core/decision.ts';
import type { Explanation } from '../core/explanation.ts';
import type { DecisionSettings } from '../core/settings.ts';
import type { CopySettings } from '../core/wanted-cache.ts';
import type { Examination, ExaminationRequest } from '../doctor/doctor.ts';
import type { LivingPodsNow } from '../kubernetes/list-living-pods.ts';
import type { JsonObject } from '../wire/json.ts';
import type { ManifestObject } from '../wire/manifests.ts';

/** What the command line can ask of the program; made by the composition root. */
export interface Commands {
  /**
   * The engine without a server, over files or over a cluster as it is now.
   *
   * @throws ManifestError, DirectoryError, KubeconfigError, ClusterUnavailableError, ApiStatusError.
   */
  openOffline(request: OfflineRequest): Promise<OfflineEngine>;
  /**
   * An API server, to create pods as dry runs; asks nothing of it yet.
   *
   * @throws KubeconfigError.
   */
  openDryRun(request: ClusterRequest): Promise<PodDryRun>;
  /**
   * What the living pods of a cluster want and use, as it is now.
   *
   * @param progress - told how many of the pods that have to be read have been.
   * @throws KubeconfigError, ClusterUnavailableError, ApiStatusError.
   */
  livingPods(request: LivingPodsRequest, progress: (read: number, of: number) => void): Promise<LivingPodsNow>;
  /**
   * Examines a live installation; changes nothing.
   *
   * @param progress - told which check comes next.
   * @throws KubeconfigError.
   */
  examine(request: DoctorRequest, progress: (what: string) => void): Promise<Examination>;
  /** The webhook; resolves when it serves, or has been stopped before. */
  serve(request: ServeRequest): Promise<RunningProgram>;
  /**
   * The controller; resolves when its health can be asked.
   *
   * @throws KubeconfigError, ListenError.
   */
  control(request: ServeRequest): Promise<RunningProgram>;
  /** A CA and a serving certificate made by it. */
  generateCertificates(hosts: readonly string[], validDays: number): Promise<GeneratedCertificates>;
  /**
   * What certificates say, file by file.
   *
   * @throws CertificateError for what is no certificate.
   */
  describeCertificates(request: CertificatesRequest): Promise<readonly PlacedCertificate[]>;
  /**
   * Whether a certificate can be served, and clients will trust it.
   *
   * @throws CertificateError for what is no certificate.
   */
  verifyCertificate(request: VerifyCertificateRequest): Promise<readonly CertificateCheck[]>;
  /** What is running here. */
  readonly version: { readonly version: string; readonly node: string; readonly platform: string };
}

/** Where an offline engine takes the cluster from. */
export interface OfflineRequest {
  /** A folder, read as the server reads it. */
  readonly dir?: string;
  /** A live cluster, listed once from its API server, instead of a folder. */
  readonly cluster?: ClusterRequest | undefined;
  /** Objects at hand, instead of either. */
  readonly objects?: readonly ManifestObject[];
  readonly settings: DecisionSettings;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Whose pods to list, and what of them would go into an ImageCache. */
export interface LivingPodsRequest extends ClusterRequest {
  readonly copied: CopySettings;
}

/** Which API server to ask. */
export interface ClusterRequest extends ClusterSettings {
  /** Usually `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The server's engine without a server: the same bytes for the same reviews. */
export interface OfflineEngine {
  readonly imageCacheCount: number;
  /** What of a live cluster could not be used. */
  readonly warnings: readonly string[];
  /**
   * The response body to a review, and why it was skipped.
   *
   * @throws MalformedReviewError for a review the server would refuse.
   */
  answer(review: JsonObject): { readonly body: string; readonly reason: string };
  /** The cluster that reviews are answered from. */
  readonly cluster: ClusterView;
  /** The decision behind the answer; `undefined` for a review that creates no pod. */
  decide(review: JsonObject): Decision | undefined;
  /** The whole ranking behind the answer; `undefined` for a review that creates no pod. */
  explain(review: JsonObject): Explanation | undefined;
}

/** Creates pods, always as dry runs: everybody who has a say is asked, nothing is stored. */
export interface PodDryRun {
  /**
   * What would become of a pod.
   *
   * @throws ClusterUnavailableError, ApiStatusError when the API server does not come to the question.
   */
  create(pod: JsonObject, namespace: string): Promise<PodDryRunAnswer>;
  close(): Promise<void>;
}

/** What an API server says of a pod; warnings are those of everybody. */
export type PodDryRunAnswer =
  | { readonly allowed: true; readonly pod: JsonObject; readonly warnings: readonly string[] }
  | {
      readonly allowed: false;
      /** What a refused user reads; without the introduction if a webhook refused. */
      readonly message: string;
      /** Name of the webhook that refused; empty when the API server did. */
      readonly webhook: string;
      readonly warnings: readonly string[];
    };

/** What to examine, and by which API server. */
export interface DoctorRequest
  extends Pick<ExaminationRequest, 'namespace' | 'release' | 'webhookConfiguration' | 'probeNamespace'> {
  readonly cluster: ClusterRequest;
  /** For each request. */
  readonly timeoutMs: number;
}

/** How to serve. */
export interface ServeRequest {
  /** Where the settings came from, so that the file can be read again when it changes. */
  readonly request: ConfigRequest;
  readonly loaded: LoadedConfig;
}

/** A webhook or a controller that has begun its work. */
export interface RunningProgram {
  /** Resolves when it has been stopped by a signal and ended in good order, with the exit code of the process. */
  readonly stopped: Promise<0 | 1>;
}

/** Certificates in PEM. */
export interface GeneratedCertificates {
  readonly ca: string;
  /** The serving certificate and the CA that issued it. */
  readonly certificate: string;
  readonly key: string;
}

/** A file that has been read, with the name messages call it by. */
export interface NamedContent {
  readonly name: string;
  readonly content: Uint8Array;
}

/** A TLS server, with the name messages call it by. */
export interface ServerAddress {
  readonly server: string;
  readonly host: string;
  readonly port: number;
}

/** Where certificates are to be found. */
export interface CertificatesRequest {
  readonly files: readonly NamedContent[];
  readonly keys: readonly NamedContent[];
  readonly servers: readonly ServerAddress[];
}

/** A certificate to verify, and what with. */
export interface VerifyCertificateRequest {
  /** A file, or a server that is asked for it. */
  readonly certificate: NamedContent | ServerAddress;
  readonly key: NamedContent | undefined;
  /** The CAs that clients trust. */
  readonly authorities: NamedContent | undefined;
  readonly hosts: readonly string[];
  readonly minDays: number;
}
