import type { Session } from './session.ts'

/** Requests of one neighbour that may wait in one line; above it the answer is "busy". */
export const MAX_WAITING_WANTS = 128

/** Sends the answer, now or later, and says whether the neighbour has room for another. Must not throw. */
export type Answer = () => boolean | Promise<boolean>

/** Answers one request at a time for each neighbour, at the pace at which the neighbour takes the answers. */
export class AnswerLine {
  readonly #waiting = new Map<Session, Answer[]>()

  /** Answers that wait for their turn. */
  waiting(session: Session): number {
    return this.#waiting.get(session)?.length ?? 0
  }

  /** `id`: of the request, for the answer "busy". */
  add(session: Session, id: number, answer: Answer): void {
    const line = this.#waiting.get(session)
    if (line === undefined) {
      const behind: Answer[] = []
      this.#waiting.set(session, behind)
      const given = answer()
      // Nearly every answer is in memory, and leaves at once.
      if (given === true && behind.length === 0) this.#waiting.delete(session)
      else void this.#serve(session, given)
      return
    }
    if (line.length >= MAX_WAITING_WANTS) session.send({ type: 'miss', id, reason: 'busy' })
    else line.push(answer)
  }

  onSessionEnd(session: Session): void {
    this.#waiting.delete(session)
  }

  async #serve(session: Session, first: boolean | Promise<boolean>): Promise<void> {
    for (let given: typeof first | undefined = first; given !== undefined; given = this.#waiting.get(session)?.shift()?.()) {
      const hasRoom = await given
      if (!hasRoom && session.isOpen) {
        try {
          await session.channel.drained()
        } catch {
          break
        }
      }
    }
    this.#waiting.delete(session)
  }
}
