import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Addresses } from '../../src/composition/application.ts';
import { Application } from '../../src/composition/application.ts';
import { createContainer } from '../../src/composition/container.ts';
import type { Get } from '../../src/composition/token.ts';
import { bindValue } from '../../src/composition/token.ts';
import { INPUTS } from '../../src/composition/tokens.ts';
import type { ServeSettings } from '../../src/config/config.ts';
import type { DecisionSettings } from '../../src/core/settings.ts';
import { DEFAULT_CREATION_SETTINGS, DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import type { RootLogger } from '../../src/telemetry/logger.ts';
import { RecordingLogger } from '../telemetry/recording-logger.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** What an application is made from; only the folder has no default. */
export interface ApplicationInputs {
  /** The folder that is the cluster. */
  readonly dir?: string;
  /** The kubeconfig of a cluster, instead of a folder. */
  readonly kubeconfig?: string;
  /** Asked for at every review. */
  readonly decision?: () => DecisionSettings;
  readonly serve?: Partial<ServeSettings>;
  readonly ownNamespace?: string | undefined;
  /** Whether ImageCaches are made for what is not covered; not, unless a test is about that. */
  readonly createsCaches?: boolean;
}

/** The whole program without a process: the parts as `imc serve` binds them, on free ports of this machine. */
export function anApplication(inputs: ApplicationInputs) {
  const { dir = '.', kubeconfig, decision, serve = {}, ownNamespace, createsCaches = false } = inputs;
  const caFile = join(temporaryFolder(), 'ca.crt');
  const logger = new RecordingLogger();
  const rootLogger: RootLogger = Object.assign(logger, { setLevel: () => {}, flush: async () => {} });
  const container = createContainer();
  bindValue(container, INPUTS.decisionSettings, decision ?? (() => DEFAULT_SETTINGS));
  bindValue(container, INPUTS.hotSettings, () => ({
    decision: (decision ?? (() => DEFAULT_SETTINGS))(),
    autoCreate: { ...DEFAULT_CREATION_SETTINGS, enabled: createsCaches ? 'true' : 'false' },
    simulateBuildMs: 0,
    drainSeconds: 0,
    logLevel: 'info',
  }));
  bindValue(container, INPUTS.serveSettings, {
    source:
      kubeconfig === undefined
        ? { kind: 'files', dir }
        : { kind: 'kubernetes', kubeconfig, context: undefined, profileConfigMap: 'imc-profile' },
    host: '127.0.0.1',
    port: 0,
    adminHost: '127.0.0.1',
    adminPort: 0,
    certificate: { kind: 'self-signed', caOut: caFile },
    clientCa: undefined,
    ...serve,
  });
  bindValue(container, INPUTS.clock, () => Date.now());
  bindValue(container, INPUTS.environment, {});
  bindValue(container, INPUTS.namespacesMayLag, { value: kubeconfig !== undefined });
  bindValue(container, INPUTS.ownNamespace, { name: ownNamespace });
  bindValue(container, INPUTS.logger, rootLogger);
  bindValue(container, INPUTS.clientCa, { pem: undefined });
  const get: Get = ({ name }) => container.resolve(name);
  return { application: new Application(container), get, logger, caFile };
}

/** An application that answers reviews. */
export interface RunningApplication {
  readonly addresses: Addresses;
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  readonly operations: string;
  /** Where `--ca-out` wrote the CA, and the CA. */
  readonly caFile: string;
  readonly ca: string;
  readonly logger: RecordingLogger;
  stop(): Promise<void>;
}

/** Starts an application; whoever starts it stops it. */
export async function startApplication(inputs: ApplicationInputs): Promise<RunningApplication> {
  const { application, logger, caFile } = anApplication(inputs);
  const addresses = await application.start();
  return {
    addresses,
    server: `https://127.0.0.1:${addresses.admission.port}`,
    operations: `http://127.0.0.1:${addresses.operations.port}`,
    caFile,
    ca: await readFile(caFile, 'utf8'),
    logger,
    stop: () => application.stop(0),
  };
}
