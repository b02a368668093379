import { Command } from 'commander';
import type { Commands } from '../composition/commands.ts';
import type { ExitCode, Options } from './command.ts';
import { settingsOf, textOption, withSettings } from './command.ts';
import type { Terminal } from './terminal.ts';

/** `imc serve`: the webhook itself (spec section 8). */
export function serveCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  const command = new Command('serve')
    .summary('answer admission reviews over HTTPS')
    .description(
      'Serves the webhook: POST /mutate over HTTPS, and /livez, /readyz and /metrics over plain HTTP on the admin port. ' +
        'The cluster (ImageCaches, Namespaces, the ConfigMap kube-system/eci-profile) is watched at the API server, inside of ' +
        'a cluster or with --kubeconfig, or it is a folder of YAML and JSON files; a change counts from the next review on. ' +
        'Without a certificate it makes one. ' +
        'SIGTERM drains: reviews are answered for drainSeconds more; a second signal ends it at once.',
    )
    .addHelpText(
      'after',
      `
Examples:
  imc serve --dir examples/cluster --ca-out ca.crt
  imc serve --kubeconfig ~/.kube/config --ca-out ca.crt
  imc serve --dir /var/lib/imc --cert-dir /etc/imc/tls --config imc.yaml
  imc review -f pod.yaml --server https://localhost:8443 --ca-file ca.crt

Exit code: 0 stopped by a signal, 1 it could not go on, 2 bad usage, or a file, port or certificate that cannot be used.`,
    )
    .action(async (options: Options) => {
      const loaded = settingsOf(options, 'serve', terminal);
      const request = {
        file: textOption(options, 'config'),
        env: terminal.env,
        flags: options,
        context: { command: 'serve' as const },
      };
      const server = await commands.serve({ request, loaded });
      done(await server.stopped);
    });
  return withSettings(command, 'serve');
}
