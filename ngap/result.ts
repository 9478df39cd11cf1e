/** A value, or the reason there is none. */
export type Result<T, E = AperError> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

/** The octets are no PER encoding of the type, or a value does not fit it. `path` names the component. */
export class AperError extends Error {
  readonly path: string;

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.name = 'AperError';
    this.path = path;
  }
}

/** Runs a codec and turns its {@link AperError} into a value; any other throw is a fault of ours and goes on. */
export function attempt<T>(run: () => T): Result<T> {
  try {
    return { ok: true, value: run() };
  } catch (error) {
    if (error instanceof AperError) return { ok: false, error };
    throw error;
  }
}
