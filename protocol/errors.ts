/**
 * One error class for the whole project. `code` is stable and documented once (docs/errors.md); `data` says what was
 * found, what was expected, and where, in fields a program can read. The message says the same to a person.
 */
export class WattnessError<C extends string = string> extends Error {
  readonly code: C
  readonly data: Readonly<Record<string, unknown>>

  constructor(code: C, message: string, data: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.name = 'WattnessError'
    this.code = code
    this.data = data
  }
}

/** True for an error of this project, with the given code if one is named. */
export function isWattnessError(error: unknown, code?: string): error is WattnessError {
  return error instanceof WattnessError && (code === undefined || error.code === code)
}
