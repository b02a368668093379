/**
 * A write was refused for what it is about: the object has changed, is not accepted, or there is no room for it. Other
 * writes may well succeed, so whoever has more to do goes on, and comes back to this one later.
 */
export class RefusedWriteError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RefusedWriteError';
  }
}
