import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NamedContent, ServerAddress } from '../composition/commands.ts';
import { unreadable } from './file-problem.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './terminal.ts';

/**
 * Reads a file of certificates or a key; `-` is standard input.
 *
 * @throws UsageError when it cannot be read.
 */
export async function readNamed(path: string, terminal: Terminal): Promise<NamedContent> {
  if (path === '-') return { name: '<stdin>', content: await terminal.readStdin() };
  try {
    return { name: path, content: await readFile(path) };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The files of a pair and its CA in a folder, as in a mounted Secret; `undefined` for those that are not there. */
export interface CertificateFolder {
  readonly certificate: NamedContent | undefined;
  readonly key: NamedContent | undefined;
  readonly ca: NamedContent | undefined;
}

/** @throws UsageError when the folder holds neither a certificate nor a CA, or something cannot be read. */
export async function readCertificateFolder(folder: string): Promise<CertificateFolder> {
  const [certificate, key, ca] = await Promise.all(
    ['tls.crt', 'tls.key', 'ca.crt'].map((name) => readIfThere(join(folder, name))),
  );
  if (certificate === undefined && ca === undefined) {
    throw new UsageError(
      `${folder}: neither tls.crt nor ca.crt is there; name a folder that \`imc certs generate\` made`,
    );
  }
  return { certificate, key, ca };
}

async function readIfThere(path: string): Promise<NamedContent | undefined> {
  try {
    return { name: path, content: await readFile(path) };
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw unreadable(path, cause);
  }
}

/**
 * Reads `--server`: `HOST:PORT`, `[IPv6]:PORT`, or an address such as https://localhost:8443.
 *
 * @throws UsageError for anything else.
 */
export function parseServer(text: string): ServerAddress {
  const address = text.includes('://') ? text : `https://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const hasPort = /:\d+$/.test(text.replace(/^\w+:\/\//, '').replace(/\/.*$/, ''));
  if (url === undefined || url.protocol !== 'https:' || url.hostname === '' || (!hasPort && !text.includes('://'))) {
    throw new UsageError(`--server ${text}: expected HOST:PORT such as localhost:8443`);
  }
  const port = url.port === '' ? 443 : Number(url.port);
  return { server: text, host: url.hostname.replace(/^\[|\]$/g, ''), port };
}
