import { type Bytes, type Epochs, equalBytes, type Final, type Leaf, peekRun, toHex } from '../../protocol/index.ts'
import type { Timer, Timers } from '../platform.ts'
import type { LedgerStore } from '../store/index.ts'
import { type Branch, chainStateAt, type Outcome, type StoredRun } from '../validate/index.ts'
import { BranchView, type RegistrarState } from './branch-view.ts'
import type { FinalityKeeper } from './finality-keeper.ts'
import type { OwnChains } from './own-chains.ts'

/** Chains that are looked into at a time: each may hold a branch in memory. */
export const MAX_REVIEWS = 2

/** Leaves of one chain whose branches are fetched in one go; the others have their turn after the next pause. */
export const MAX_LEAVES_TRIED = 8

/** Blocks of a branch that are in memory until they are stored in one write: some ten thousand. */
export const MAX_PIECE_BYTES = 8 * 1_048_576

/** After nothing came of it a chain is looked into again so long after, and after twice the time each time in a row. */
export const FIRST_PAUSE_MS = 5_000
export const LONGEST_PAUSE_MS = 300_000

/** Takes one run after another; false: no more of them. */
interface RunTaker {
  readonly take: (run: Bytes) => boolean | Promise<boolean>
}

/** What a branch is, and its runs where they are not too many. */
class Survey implements RunTaker {
  readonly view: BranchView
  #runs: Bytes[] | undefined = []
  #bytes = 0

  constructor(view: BranchView) {
    this.view = view
  }

  take(run: Bytes): boolean {
    this.view.append(run)
    this.#bytes += run.length
    if (this.#bytes > MAX_PIECE_BYTES) this.#runs = undefined
    this.#runs?.push(run)
    return true
  }

  /** All runs, where they end at exactly this size: each has an end that its author vouches for, and cannot be cut. */
  runsTo(size: number): readonly Bytes[] | undefined {
    return this.view.size === size ? this.#runs : undefined
  }
}

export interface ContestedInit {
  readonly store: LedgerStore
  readonly timers: Timers
  readonly selfKey: Bytes
  readonly chains: OwnChains
  readonly keeper: Pick<FinalityKeeper, 'candidates' | 'finalOn' | 'final' | 'confirm'>
  readonly epochs: () => Epochs
  /** Of the registrar's chain, what counts: none of it is ever replaced. */
  readonly counted: () => RegistrarState
  /** Hands the runs from a size to a leaf, checked, to a taker for each neighbour; undefined where nobody gives them. */
  readonly fetchBranch: <T extends RunTaker>(
    index: number,
    from: number,
    leaf: Leaf,
    taker: () => T,
    preferHex?: string,
  ) => Promise<T | undefined>
  /** The door. */
  readonly adopt: (branch: Branch, told: (run: StoredRun) => void) => Promise<Outcome>
  /**
   * Blocks of another branch are held from the run's first block on, in the place of others or behind the end of a quarantined
   * chain. Called before anything else of this chain is looked at.
   */
  readonly onReplaced: (index: number, run: StoredRun) => void
  readonly onError: (error: Error) => void
}

type Review = 'nothing' | 'nowhere' | 'moved'

/**
 * Rule W14: where what is held of a chain may not be what a quorum has attested, fetches the other branch and, once it is final
 * above the fork, puts it in the place of the held one.
 */
export class ContestedChains {
  readonly #init: ContestedInit
  readonly #running = new Set<number>()
  /** To be looked into, each with the neighbour that is to be asked first. */
  readonly #waiting = new Map<number, string | undefined>()
  readonly #pauses = new Map<number, { readonly lengthMs: number; timer: Timer | undefined }>()
  /** By chain: leaves in the order in which they are to be tried. What liars add does not come before what waited. */
  readonly #turns = new Map<number, Map<string, Final>>()
  #stopped = false

  constructor(init: ContestedInit) {
    this.#init = init
  }

  /** Votes were placed for a chain that is quarantined, or of which a witness holds another branch; `preferHex` showed them. */
  review(index: number, preferHex?: string): void {
    if (this.#stopped || this.#pauses.get(index)?.timer !== undefined || this.#init.chains.key(index) === undefined) return
    this.#waiting.set(index, preferHex ?? this.#waiting.get(index))
    this.#next()
  }

  stop(): void {
    this.#stopped = true
    this.#waiting.clear()
    for (const { timer } of this.#pauses.values()) if (timer !== undefined) this.#init.timers.clear(timer)
    this.#pauses.clear()
  }

  #next(): void {
    for (const [index, preferHex] of this.#waiting) {
      if (this.#running.size >= MAX_REVIEWS) return
      if (this.#running.has(index)) continue
      this.#waiting.delete(index)
      this.#running.add(index)
      void this.#run(index, preferHex)
    }
  }

  async #run(index: number, preferHex: string | undefined): Promise<void> {
    let review: Review = 'nowhere'
    try {
      review = await this.#review(index, preferHex)
    } catch (error) {
      this.#init.onError(error as Error)
    }
    this.#running.delete(index)
    if (this.#stopped) return
    if (review === 'nowhere') this.#pause(index)
    else this.#pauses.delete(index)
    this.#next()
  }

  #pause(index: number): void {
    this.#waiting.delete(index)
    const before = this.#pauses.get(index)?.lengthMs
    const lengthMs = before === undefined ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, before * 2)
    const timer = this.#init.timers.set(lengthMs, () => {
      this.#pauses.set(index, { lengthMs, timer: undefined })
      this.review(index)
    })
    this.#pauses.set(index, { lengthMs, timer })
  }

  async #review(index: number, preferHex: string | undefined): Promise<Review> {
    const member = this.#init.chains.key(index) as Bytes
    // What this node has signed itself it never replaces.
    if (equalBytes(member, this.#init.selfKey)) return 'nothing'
    let review: Review = 'nothing'
    if (this.#hasLost(index, member)) return (await this.#takeBack(index, member, preferHex)) ? 'moved' : 'nowhere'
    for (const leaf of await this.#leavesToTry(index, member)) {
      review = 'nowhere'
      if (this.#stopped) return review
      if (await this.#follow(index, member, leaf, preferHex)) {
        this.#turns.delete(index)
        return 'moved'
      }
    }
    return review
  }

  /** Blocks of a quarantined chain that were final went with damage to the store: nobody else asks for them again. */
  #hasLost(index: number, member: Bytes): boolean {
    const { store, chains } = this.#init
    return store.quarantined(member) && this.#finalSize(index) > chains.size(index)
  }

  async #takeBack(index: number, member: Bytes, preferHex: string | undefined): Promise<boolean> {
    const { chains, keeper } = this.#init
    const final = keeper.final(index) as Final
    const survey = await this.#survey(index, member, chains.size(index), final, preferHex)
    return survey !== undefined && this.#bring(index, member, survey, final, preferHex)
  }

  async #survey(
    index: number,
    member: Bytes,
    from: number,
    leaf: Leaf,
    preferHex: string | undefined,
  ): Promise<Survey | undefined> {
    const { store, counted, fetchBranch } = this.#init
    // Blocks that this node has lost come back first: there is nothing to hold a branch against.
    const base = await chainStateAt(store, member, from)
    if (base === undefined) return undefined
    const registrar = index === 0 ? counted() : undefined
    return fetchBranch(index, from, leaf, () => new Survey(new BranchView(base, registrar)), preferHex)
  }

  /**
   * Puts the branch in the place of the held one, up to what is final of it. In pieces where it is long: what is held in between
   * is on the branch that is final, so that a crash there has the rest fetched, and nothing wrong.
   */
  async #bring(index: number, member: Bytes, survey: Survey, final: Leaf, preferHex: string | undefined): Promise<boolean> {
    const { view } = survey
    const put = (runs: readonly Bytes[]): Promise<boolean> => this.#put(index, member, view, runs)
    const runs = survey.runsTo(final.size)
    if (runs !== undefined) return put(runs)
    const from = await this.#forkOf(index, view)
    const taker = (): RunTaker => {
      let piece: Bytes[] = []
      let bytes = 0
      return {
        take: async (run) => {
          if (bytes + run.length > MAX_PIECE_BYTES) {
            if (!(await put(piece))) return false
            piece = []
            bytes = 0
          }
          piece.push(run)
          bytes += run.length
          return peekRun(run).end < final.size || put(piece)
        },
      }
    }
    return (await this.#init.fetchBranch(index, from, final, taker, preferHex)) !== undefined
  }

  /** Runs of the branch as it was looked at: others are not taken. */
  async #put(index: number, member: Bytes, view: BranchView, runs: readonly Bytes[]): Promise<boolean> {
    const { end } = peekRun(runs.at(-1) as Bytes)
    const fork = await this.#forkOf(index, view)
    if (fork >= end) return true
    // What is final here may have moved meanwhile.
    if (this.#stopped || (this.#settledSize(index) > fork && !this.#hasLost(index, member))) return false
    return this.#adopt(index, { member, fork, final: { size: end, root: view.rootAt(end) }, runs })
  }

  async #adopt(index: number, branch: Branch): Promise<boolean> {
    const { adopt, onReplaced } = this.#init
    const outcome = await adopt(branch, (run) => onReplaced(index, run))
    return outcome.verdict === 'accept'
  }

  /** Those that were tried go behind the others; of what is new the largest comes first. */
  async #leavesToTry(index: number, member: Bytes): Promise<Final[]> {
    const { keeper, chains, store } = this.#init
    const isQuarantined = store.quarantined(member)
    const leaves = new Map<string, Final>()
    for (const leaf of keeper.candidates(index)) {
      const isOn = await chains.isOn(index, leaf)
      // Beyond the end of a chain that is not quarantined its blocks are fetched as any are, and show where it forks.
      if (isOn === false || (isOn === undefined && isQuarantined)) leaves.set(toHex(leaf.root), leaf)
    }
    const waited = [...(this.#turns.get(index) ?? [])].filter(([root]) => leaves.has(root))
    const turns = [...new Map([...waited, ...leaves])]
    this.#turns.set(index, new Map([...turns.slice(MAX_LEAVES_TRIED), ...turns.slice(0, MAX_LEAVES_TRIED)]))
    return turns.slice(0, MAX_LEAVES_TRIED).map(([, leaf]) => leaf)
  }

  /** True where something has become final by the branch that leads to this leaf: so much of it is held now. */
  async #follow(index: number, member: Bytes, leaf: Leaf, preferHex: string | undefined): Promise<boolean> {
    const { keeper } = this.#init
    const survey = await this.#survey(index, member, this.#settledSize(index), leaf, preferHex)
    if (survey === undefined) return false
    const { view } = survey
    const final = keeper.finalOn(index, (each) => view.has(each), this.#epochOf(view))
    if (final === undefined) return false
    if (final.size > (await this.#forkOf(index, view)) && !(await this.#bring(index, member, survey, final, preferHex)))
      return false
    keeper.confirm(index, final)
    return true
  }

  /** What is common to all branches: blocks that are final here, and of the registrar's chain those that count. */
  #settledSize(index: number): number {
    return index === 0 ? this.#init.counted().membership.size : this.#finalSize(index)
  }

  #finalSize(index: number): number {
    return this.#init.keeper.final(index)?.size ?? 0
  }

  /** Rule W3; for a branch of the registrar's chain by the epochs that it makes itself. */
  #epochOf(branch: BranchView): (size: number) => number {
    const epochs = branch.epochs ?? this.#init.epochs()
    return (size) => epochs.at(branch.registrarSizeAt(size)).number
  }

  /** Size up to which the held chain and the branch are the same. */
  async #forkOf(index: number, branch: BranchView): Promise<number> {
    const { chains } = this.#init
    let same = branch.from
    let end = Math.min(chains.size(index), branch.size)
    while (same < end) {
      const middle = Math.ceil((same + end) / 2)
      const held = await chains.rootAt(index, middle)
      if (held !== undefined && equalBytes(held, branch.rootAt(middle))) same = middle
      else end = middle - 1
    }
    return same
  }
}
