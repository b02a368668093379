import { runProcess } from './cli/run-process.ts';

// A reader that has seen enough, such as `head`, closes the pipe: no reason for a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const code = await runProcess();
// What is written to a pipe may still be on its way.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => void stream.write('', done))));
process.exit(code);
