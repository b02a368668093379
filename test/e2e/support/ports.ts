import { once } from 'node:events';
import { createServer } from 'node:net';

const given = new Set<number>();

/**
 * A loopback port nobody listens on, never the same twice. Below the range the kernel takes for outgoing connections, so
 * that none of these can take it before the server does, or while the server is restarted.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('no free loopback port between 20000 and 31999');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ host: '127.0.0.1', port });
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
