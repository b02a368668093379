/** The flags that choose an address. */
export interface AddressFlags {
  readonly host: string;
  readonly port: string;
}

/** An address that cannot be listened on. The message names it and the flag to change. */
export class ListenError extends Error {
  readonly code = 'ERR_LISTEN_FAILED';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ListenError';
  }

  /** What a failed `listen` means to the user. */
  static from(
    cause: Error & { code?: string },
    address: { readonly host: string; readonly port: number },
    flags: AddressFlags,
  ): ListenError {
    return new ListenError(describe(cause, address, flags), { cause });
  }
}

function describe(
  cause: Error & { code?: string },
  { host, port }: { readonly host: string; readonly port: number },
  flags: AddressFlags,
): string {
  switch (cause.code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is in use: stop the program that has it, or choose another port with ${flags.port}`;
    case 'EACCES':
      return `port ${port} on ${host} is not for this user: choose one above 1023 with ${flags.port}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine: choose another with ${flags.host}`;
    default:
      return `cannot listen on ${host} port ${port} (${cause.message}): check ${flags.host} and ${flags.port}`;
  }
}
