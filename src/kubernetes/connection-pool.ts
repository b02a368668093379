import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import type { Dispatcher } from 'undici';

/** What a request needs: who asks, and over which connections. */
export interface Access {
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
}

/** The API server itself closes connections that have been idle for 90 s. */
const IDLE_MS = 30_000;

const CONNECT_TIMEOUT_MS = 10_000;

/** Less than the 60 s after which load balancers forget a silent connection. */
const KEEP_ALIVE_PROBE_MS = 30_000;

/**
 * Connections to the API server, shared by all requests of one TLS identity: client-node alone would open a new one for
 * each request. Credentials are asked for at each request, so that a token or certificate that has been renewed counts.
 */
export class ConnectionPool {
  #identity: string | undefined;
  #dispatcher: Dispatcher | undefined;

  /** The credentials of this moment, and connections that fit them. */
  async access(config: KubeConfig): Promise<Access> {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    // Typed as all that TLS takes; client-node reads texts and buffers from the kubeconfig or from files.
    const tls = { ca, cert, key, rejectUnauthorized, servername } as TlsIdentity;
    const cluster = config.getCurrentCluster();
    const identity = createHash('sha256')
      .update(
        JSON.stringify([cluster?.server, cluster?.proxyUrl, ...Object.values(tls).map((part) => `${part ?? ''}`)]),
      )
      .digest('base64');
    if (this.#dispatcher === undefined || this.#identity !== identity) {
      const before = this.#dispatcher;
      this.#dispatcher = await createDispatcher(config, tls);
      this.#identity = identity;
      // Requests under way finish on the connections they have.
      before?.close().catch(() => undefined);
    }
    return { headers: headersOf(options), dispatcher: this.#dispatcher };
  }

  /** Ends all connections, and the requests on them. */
  async close(): Promise<void> {
    const dispatcher = this.#dispatcher;
    this.#dispatcher = undefined;
    await dispatcher?.destroy();
  }
}

/** Who we are to the server, and whom we trust, in PEM. */
interface TlsIdentity {
  readonly ca: string | Buffer | undefined;
  readonly cert: string | Buffer | undefined;
  readonly key: string | Buffer | undefined;
  readonly rejectUnauthorized: boolean | undefined;
  readonly servername: string | undefined;
}

async function createDispatcher(config: KubeConfig, identity: TlsIdentity): Promise<Dispatcher> {
  const { Agent, EnvHttpProxyAgent, ProxyAgent } = await import('undici');
  const tls = Object.fromEntries(Object.entries(identity).filter(([, part]) => part !== undefined));
  const connect = { ...tls, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS };
  const timing = { keepAliveTimeout: IDLE_MS, connectTimeout: CONNECT_TIMEOUT_MS };
  const proxy = config.createDispatcherOptions(config.getCurrentCluster(), tls);
  switch (proxy.type) {
    case 'agent':
    case 'none':
      // Proxies of the environment count, as for kubectl.
      return process.env['HTTPS_PROXY'] || process.env['https_proxy']
        ? new EnvHttpProxyAgent({ ...timing, connect, requestTls: tls })
        : new Agent({ ...timing, connect });
    case 'proxy':
      return new ProxyAgent({ ...timing, uri: proxy.uri, requestTls: tls });
    case 'socks':
      return socksDispatcher(config);
  }
}

/** Only client-node knows how to connect through SOCKS; it hands out a dispatcher with the credentials of a request. */
async function socksDispatcher(config: KubeConfig): Promise<Dispatcher> {
  let made: Dispatcher | undefined;
  const context = {
    setHeaderParam: () => undefined,
    setDispatcher: (dispatcher: Dispatcher) => {
      made = dispatcher;
    },
  };
  await config.applySecurityAuthentication(context as never);
  if (made === undefined) throw new Error('client-node made no connection through SOCKS');
  return made;
}

function headersOf({ headers, auth }: RequestOptions): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (typeof value === 'string') given[name.toLowerCase()] = value.trim();
  }
  if (typeof auth === 'string') given['authorization'] ??= `Basic ${Buffer.from(auth).toString('base64')}`;
  return given;
}
