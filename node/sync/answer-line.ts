import type { Session } from './session.ts'

/** Requests of one neighbour that may wait in one line; above it the answer is "busy". */
export const MAX_WAITING_WANTS = 128

/** Sends the answer, and says whether the neighbour has room for another. Must not throw. */
export type Answer = () => Promise<boolean>

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
      this.#waiting.set(session, [answer])
      void this.#serve(session)
      return
    }
    if (line.length >= MAX_WAITING_WANTS) session.send({ type: 'miss', id, reason: 'busy' })
    else line.push(answer)
  }

  onSessionEnd(session: Session): void {
    this.#waiting.delete(session)
  }

  async #serve(session: Session): Promise<void> {
    for (;;) {
      const answer = this.#waiting.get(session)?.shift()
      if (answer === undefined) break
      const hasRoom = await answer()
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
