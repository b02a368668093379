import { Command } from 'commander';
import type { Commands } from '../composition/commands.ts';
import type { ExitCode, Options } from './command.ts';
import { settingsOf, textOption, withSettings } from './command.ts';
import type { Terminal } from './terminal.ts';

/** `imc controller`: what one process only may do in a cluster (spec S1, S6). */
export function controllerCommand(commands: Commands, terminal: Terminal, done: (code: ExitCode) => void): Command {
  const command = new Command('controller')
    .summary('make ImageCaches, and keep the webhook’s certificate, in a cluster')
    .description(
      'Does in a cluster what one process only may do. Any number may run: a Lease decides which of them works. With ' +
        'tls.secret it keeps the serving certificate and its CA in Secrets, renews them in time, and writes the CA to ' +
        'the caBundle of the webhook configuration, which it repairs when something else changes it. With ' +
        'autoCreate.enabled it makes ImageCaches for living pods that none covers and removes those of its own that ' +
        'nobody uses; with controller.driver simulated it also takes ImageCaches from Pending to Ready, for trials. ' +
        '/livez, /readyz and /metrics are answered over plain HTTP on the admin port. SIGTERM gives the Lease back and ' +
        'ends it; a second signal ends it at once.',
    )
    .addHelpText(
      'after',
      `
Examples:
  imc controller --tls-secret eci-imagecache-webhook-tls
  imc controller --tls-secret imc-tls --tls-webhook-configuration imc --tls-pod-selector app=imc
  imc controller --kubeconfig ~/.kube/config --tls-secret imc-tls
  imc controller --kubeconfig ~/.kube/config --controller-driver simulated

Exit code: 0 stopped by a signal, 1 it could not go on, 2 bad usage or a cluster that cannot be asked.`,
    )
    .action(async (options: Options) => {
      const loaded = settingsOf(options, 'controller', terminal);
      const request = {
        file: textOption(options, 'config'),
        env: terminal.env,
        flags: options,
        context: { command: 'controller' as const },
      };
      const controller = await commands.control({ request, loaded });
      done(await controller.stopped);
    });
  return withSettings(command, 'controller');
}
