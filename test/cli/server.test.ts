import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ReviewRow } from '../../src/cli/review-row.ts';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { member, textMember } from '../../src/wire/json.ts';
import type { RunningApplication } from '../composition/running-application.ts';
import { startApplication } from '../composition/running-application.ts';
import { temporaryFolder } from '../composition/temporary-folder.ts';
import { imc } from './recording-terminal.ts';

const WORKLOADS = ['-f', 'examples/workloads'];
const CLUSTER = ['--dir', 'examples/cluster'];

describe('imc review --server (spec section 8)', () => {
  let application: RunningApplication;
  let server: readonly string[];

  beforeAll(async () => {
    application = await startApplication({ dir: 'examples/cluster' });
    server = ['--server', application.server, '--ca-file', application.caFile];
  });

  afterAll(() => application.stop());

  it.each(['review', 'patch', 'pod'])('prints the same as offline for all examples: -o %s', async (format) => {
    const offline = await imc(['review', ...WORKLOADS, ...CLUSTER, '-o', format]);
    expect(await imc(['review', ...WORKLOADS, ...server, '-o', format])).toEqual(offline);
    expect(offline.code).toBe(0);
  });

  it.each(['table', 'json', 'yaml'])(
    'prints the same as offline for all examples, reasons included: -o %s',
    async (format) => {
      const offline = await imc(['review', ...WORKLOADS, ...CLUSTER, '-o', format]);
      expect(await imc(['review', ...WORKLOADS, ...server, '-o', format])).toEqual(offline);
    },
  );

  it('prints the same as offline but for the reasons of skipped pods', async () => {
    const withoutReasons = async (where: readonly string[]): Promise<unknown> => {
      const { out } = await imc(['review', ...WORKLOADS, ...where, '-o', 'json']);
      return (JSON.parse(out) as ReviewRow[]).map(({ reason: _, ...row }) => row);
    };
    expect(await withoutReasons(server)).toEqual(await withoutReasons(CLUSTER));
  });

  it('takes the path from the address, if it has one', async () => {
    const [, address = '', ...ca] = server;
    const args = ['review', '-f', 'examples/workloads/checkout-deployment.yaml', ...ca];
    expect((await imc([...args, '--server', `${address}/mutate`])).code).toBe(0);
    const elsewhere = await imc([...args, '--server', `${address}/elsewhere`]);
    expect(elsewhere.code).toBe(2);
    expect(elsewhere.err).toMatch(/^Error: https:\/\/127\.0\.0\.1:\d+\/elsewhere answered 404: .*\/mutate/);
  });

  it('does not trust a certificate of another CA', async () => {
    const folder = temporaryFolder();
    await imc(['certs', 'generate', '--out', folder]);
    const [, address = ''] = server;
    const { code, out, err } = await imc([
      'review',
      ...WORKLOADS,
      '--server',
      address,
      '--ca-file',
      join(folder, 'ca.crt'),
    ]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(
      /^Error: https:\/\/127\.0\.0\.1:\d+\/mutate: its certificate is not trusted \(.*\); check that .*ca\.crt is the CA of this server\n$/,
    );
  });

  it('does not trust the server without its CA, and says which flag to give', async () => {
    const [, address = ''] = server;
    const { code, err } = await imc(['review', ...WORKLOADS, '--server', address]);
    expect(code).toBe(2);
    expect(err).toMatch(/its certificate is not trusted \(.*\); give the CA with --ca-file\n$/);
  });

  it.each([
    { title: 'is missing', files: {}, says: /nowhere\.crt: no such file or folder/ },
    { title: 'holds no certificate', files: { 'nowhere.crt': 'hello\n' }, says: /nowhere\.crt/ },
  ])('says so when the file of --ca-file $title', async ({ files, says }) => {
    const folder = temporaryFolder(files);
    const [, address = ''] = server;
    const { code, err } = await imc([
      'review',
      ...WORKLOADS,
      '--server',
      address,
      '--ca-file',
      join(folder, 'nowhere.crt'),
    ]);
    expect(code).toBe(2);
    expect(err).toMatch(says);
  });

  it('says so when nothing listens', async () => {
    const stopped = await startApplication({ dir: 'examples/cluster' });
    await stopped.stop();
    const { code, out, err } = await imc([
      'review',
      ...WORKLOADS,
      '--server',
      stopped.server,
      '--ca-file',
      stopped.caFile,
    ]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toBe(
      `Error: ${stopped.server}/mutate: nothing listens there; check the address and that the server runs\n`,
    );
  });

  it('says so when there is no such host', async () => {
    // Longer than a name can be: nobody is asked for it.
    const host = `${'no-such-host-'.repeat(5)}.invalid`;
    const { code, err } = await imc(['review', ...WORKLOADS, '--server', `https://${host}:8443`]);
    expect(code).toBe(2);
    expect(err).toMatch(
      /^Error: https:\/\/[\w-]+\.invalid:8443\/mutate: cannot be reached \(getaddrinfo .*\); check the address\n$/,
    );
  });

  it('says so when the other side speaks no TLS', async () => {
    const address = application.operations.replace('http:', 'https:');
    const { code, out, err } = await imc(['review', ...WORKLOADS, '--server', address]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toBe(
      `Error: ${address}/mutate: what listens there does not speak TLS; check the port (the admin port is plain HTTP)\n`,
    );
  });

  it('ends with exit code 1 when the server denies a pod (spec M1)', async () => {
    const strict = await startApplication({
      dir: 'examples/cluster',
      decision: () => ({ ...DEFAULT_SETTINGS, unreadyPin: 'deny' }),
    });
    try {
      const args = [
        'review',
        '-f',
        'examples/workloads/gift-cards-deployment.yaml',
        '--server',
        strict.server,
        '--ca-file',
        strict.caFile,
      ];
      const { code, err } = await imc(args);
      expect(code).toBe(1);
      expect(err).toContain('Denied: shop/Deployment/gift-cards: ');
    } finally {
      await strict.stop();
    }
  });

  it('sends dry runs only', async () => {
    const reviews: unknown[] = [];
    const folder = temporaryFolder();
    await imc(['certs', 'generate', '--out', folder]);
    const pem = (name: string): Buffer => readFileSync(join(folder, name));
    const listening = createServer({ cert: pem('tls.crt'), key: pem('tls.key') }, (request, response) => {
      void json(request).then((review) => {
        reviews.push(review);
        const uid = textMember(member(review, 'request'), 'uid');
        response.end(JSON.stringify({ response: { uid, allowed: true } }));
      });
    });
    onTestFinished(() => {
      listening.close();
    });
    await new Promise<void>((resolve) => {
      listening.listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
    const address = listening.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const there = ['--server', `https://127.0.0.1:${port}`, '--ca-file', join(folder, 'ca.crt')];
    const { code } = await imc(['review', '-f', 'examples/reviews/checkout-pod.json', ...WORKLOADS, ...there]);
    expect(code).toBe(0);
    expect(reviews).toHaveLength(24);
    for (const review of reviews) expect(review).toMatchObject({ request: { dryRun: true } });
  });
});
