import { unwritable } from './cli/file-problem.ts';
import { runProcess } from './cli/run-process.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough, such as `head`, closes the pipe: nothing is wrong.
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`Error: ${unwritable('standard output', error).message}\n`);
  process.exit(2);
});
// There is no place left to say so.
process.stderr.on('error', () => undefined);

const code = await runProcess();
// What is written to a pipe may still be on its way.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => void stream.write('', done))));
process.exit(code);
