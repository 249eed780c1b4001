/**
 * What a witness decides to sign depends on its record, and the record on what it signs: from the look at the record to its
 * replacement nothing else may be signed (rules W5, W7 and P11). Whoever signs does all of that within one turn.
 */
export class SigningTurn {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `act` once all turns before it have ended, however they ended. */
  run<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
