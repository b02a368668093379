import 'reflect-metadata';
import { hostname } from 'node:os';
import type { DependencyContainer } from 'tsyringe';
import { container as globalContainer } from 'tsyringe';
import packageJson from '../../package.json' with { type: 'json' };
import { AdmissionReviewer } from '../admission/reviewer.ts';
import type { CertificateSource } from '../certs/certificate-source.ts';
import { certificateFilesIn, FileCertificateSource } from '../certs/file-certificate-source.ts';
import { SecretCertificateSource } from '../certs/secret-certificate-source.ts';
import { SelfSignedCertificateSource } from '../certs/self-signed-certificate-source.ts';
import type { ClusterSource } from '../cluster/cluster-source.ts';
import type { Resource } from '../cluster/cluster-store.ts';
import { ClusterStore } from '../cluster/cluster-store.ts';
import { EmbeddedSource } from '../embedded/embedded-source.ts';
import { KubeClient } from '../kubernetes/kube-client.ts';
import { KubernetesSource } from '../kubernetes/kubernetes-source.ts';
import { SecretWatcher } from '../kubernetes/object-watch.ts';
import { AdmissionServer } from '../server/admission-server.ts';
import { OperationsServer } from '../server/operations-server.ts';
import { Readiness } from '../server/readiness.ts';
import { type Background, NO_BACKGROUND } from './background.ts';
import { createMetrics } from './create-metrics.ts';
import { FilesController } from './files-controller.ts';
import { bind, type Get } from './token.ts';
import { INPUTS, TOKENS } from './tokens.ts';

/** The version of this program. */
export const VERSION = packageJson.version;

/**
 * A container with every part bound and nothing made yet: the commands bind the inputs they have and ask for the parts
 * they need. A child of tsyringe's global container, which `@peculiar/x509` uses for itself.
 */
export function createContainer(): DependencyContainer {
  const container = globalContainer.createChildContainer();
  bind(container, TOKENS.store, () => new ClusterStore(() => performance.now()));
  bind(container, TOKENS.source, clusterSource);
  bind(container, TOKENS.embeddedSource, embeddedSource);
  bind(container, TOKENS.background, background);
  bind(
    container,
    TOKENS.reviewer,
    (get) =>
      new AdmissionReviewer({
        store: get(TOKENS.store),
        settings: get(INPUTS.decisionSettings),
        now: get(INPUTS.clock),
        ownNamespace: get(INPUTS.ownNamespace).name,
        namespacesMayLag: get(INPUTS.namespacesMayLag).value,
      }),
  );
  bind(container, TOKENS.metrics, () => createMetrics(VERSION));
  bind(container, TOKENS.certificates, certificateSource);
  bind(
    container,
    TOKENS.readiness,
    (get) =>
      new Readiness({ store: get(TOKENS.store), source: get(TOKENS.source), certificates: get(TOKENS.certificates) }),
  );
  bind(
    container,
    TOKENS.admissionServer,
    (get) =>
      new AdmissionServer({
        reviewer: get(TOKENS.reviewer),
        certificates: get(TOKENS.certificates),
        metrics: get(TOKENS.metrics),
        logger: get(INPUTS.logger),
        clientCaPem: get(INPUTS.clientCa).pem,
        onReviewed: (request, verdict) => get(TOKENS.background).reviewed(request, verdict),
      }),
  );
  bind(
    container,
    TOKENS.operationsServer,
    (get) =>
      new OperationsServer({
        readiness: get(TOKENS.readiness),
        metrics: get(TOKENS.metrics),
        logger: get(INPUTS.logger),
      }),
  );
  return container;
}

function clusterSource(get: Get): ClusterSource {
  const { source } = get(INPUTS.serveSettings);
  if (source.kind === 'files') return get(TOKENS.embeddedSource);
  const namespace = get(INPUTS.ownNamespace).name;
  const { kubeconfig, context, profileConfigMap } = source;
  return new KubernetesSource({
    ...commonOptions(get),
    open: () => KubeClient.open({ kubeconfig, context, env: get(INPUTS.environment) }),
    kept: namespace === undefined ? undefined : { namespace, name: profileConfigMap },
    onRestart: (resource, cause) => get(TOKENS.metrics).countWatchRestart(resource, cause),
  });
}

function embeddedSource(get: Get): EmbeddedSource {
  const { source } = get(INPUTS.serveSettings);
  if (source.kind !== 'files') throw new Error('the cluster is not a folder of files');
  return new EmbeddedSource({ ...commonOptions(get), directory: source.dir });
}

function commonOptions(get: Get) {
  return {
    store: get(TOKENS.store),
    logger: get(INPUTS.logger),
    now: get(INPUTS.clock),
    onUndecodable: (resource: Resource) => get(TOKENS.metrics).countUndecodable(resource),
  };
}

/** With files the controller works here (spec N1); in a cluster it is a program of its own. */
function background(get: Get): Background {
  const { source } = get(INPUTS.serveSettings);
  if (source.kind !== 'files') return NO_BACKGROUND;
  return new FilesController({
    directory: source.dir,
    source: get(TOKENS.embeddedSource),
    settings: get(INPUTS.hotSettings),
    now: get(INPUTS.clock),
    logger: get(INPUTS.logger),
    // With files there are no Events: the log and the metric tell it all.
    reports: {
      count: (result) => get(TOKENS.metrics).countCreation(result),
      refused: () => undefined,
      done: () => undefined,
    },
  });
}

function certificateSource(get: Get): CertificateSource {
  const { certificate, host } = get(INPUTS.serveSettings);
  const namespace = get(INPUTS.ownNamespace).name;
  const logger = get(INPUTS.logger);
  switch (certificate.kind) {
    case 'files':
      return new FileCertificateSource({ certFile: certificate.cert, keyFile: certificate.key, logger });
    case 'folder':
      return new FileCertificateSource({ ...certificateFilesIn(certificate.dir), logger });
    case 'secret': {
      const { name, cluster } = certificate;
      const open = () => KubeClient.open({ ...cluster, env: get(INPUTS.environment) });
      return new SecretCertificateSource({
        secrets: new SecretWatcher({ open, namespace, logger }),
        secretName: name,
        logger,
      });
    }
    case 'self-signed':
      return new SelfSignedCertificateSource({ hosts: servedNames(host, namespace), caOut: certificate.caOut, logger });
  }
}

/** The names under which clients reach a server that makes its own certificate. */
function servedNames(host: string, namespace: string | undefined): string[] {
  const names = ['localhost', '127.0.0.1', '::1', hostname()];
  if (host !== '::' && host !== '0.0.0.0') names.push(host);
  if (namespace !== undefined) {
    const service = `${packageJson.name}.${namespace}.svc`;
    names.push(service, `${service}.cluster.local`);
  }
  return [...new Set(names)];
}
