import { ClusterUnavailableError } from './cluster-errors.ts';

/** Far more than the largest object etcd takes; beyond it the stream is no watch. */
const LINE_LIMIT_BYTES = 32 * 1024 * 1024;

const LINE_FEED = 10;

/**
 * The JSON values of a stream that has one on each line. A line may arrive in any pieces; blank lines count as signs of
 * life of nothing and are left out; a last line without its end is what a cut connection leaves, and is dropped.
 *
 * @param what - the request, for messages.
 * @throws ClusterUnavailableError when a line is no JSON.
 */
export async function* jsonLines(
  what: string,
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<unknown, void, undefined> {
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      const line = Buffer.concat([...pieces, chunk.subarray(start, end)]).toString('utf8');
      pieces = [];
      pieceBytes = 0;
      start = end + 1;
      if (line.trim() !== '') yield parseLine(what, line);
    }
    if (start < chunk.length) {
      pieces.push(chunk.subarray(start));
      pieceBytes += chunk.length - start;
      if (pieceBytes > LINE_LIMIT_BYTES)
        throw new ClusterUnavailableError(`${what}: a line of the watch is longer than 32 MiB`);
    }
  }
}

function parseLine(what: string, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new ClusterUnavailableError(`${what}: a line of the watch is no JSON`, { cause });
  }
}
