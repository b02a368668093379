/** One thing that is wrong with the settings. */
export interface ConfigProblem {
  /** The setting, such as `log.level`; empty when the file as a whole is meant. */
  readonly key: string;
  /** Where the value came from: `imc.yaml:3:7`, `environment IMC_MODE` or `flag --mode`. */
  readonly origin: string;
  /** What was expected and what to do. */
  readonly problem: string;
}

/** Settings that cannot be used, with everything that is wrong about them. */
export class ConfigError extends Error {
  readonly code = 'ERR_CONFIG_INVALID';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    const lines = problems.map(formatProblem);
    super(
      lines.length === 1 ? lines[0] : [`${lines.length} problems in the settings:`, ...lines].join('\n  '),
      options,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

function formatProblem({ origin, key, problem }: ConfigProblem): string {
  return [origin, key, problem].filter((part) => part !== '').join(': ');
}
