import {
  bodyContent,
  decodeMembershipBody,
  fromBase64,
  isWattnessError,
  labelOf,
  type MembershipOperation,
  parseGenesis,
  toHex,
} from '../../../../protocol/index.ts'
import type { BlockAnswer, BlocksAnswer, MemberAnswer } from '../../schemas/index.ts'
import { AskError, type Asker } from '../data/client.ts'
import { type BlockContext, checkBlock } from './block-check.ts'

/** `absent`: there is no name, or nothing to check it with. */
export interface LabelVerdict {
  readonly state: 'verified' | 'refused' | 'absent'
  /** What is wrong, or lacking, for whoever looks into it. */
  readonly detail: string
}

export type LabelContext = Pick<BlockContext, 'checker' | 'networkId' | 'seen'> & { readonly ask: Pick<Asker, 'json' | 'bytes'> }

const refused = (detail: string): LabelVerdict => ({ state: 'refused', detail })
const absent = (detail: string): LabelVerdict => ({ state: 'absent', detail })
const VERIFIED: LabelVerdict = { state: 'verified', detail: '' }

/**
 * Whether a member's name is the one that genesis gives to its key, or whose hash the registrar signed when it let the key in.
 * Genesis is what hashes to the network id. Never throws for what an answer holds.
 */
export async function checkLabel(member: MemberAnswer, context: LabelContext): Promise<LabelVerdict> {
  if (member.label === null) return absent('the observer knows no name of it')
  try {
    const genesis = parseGenesis(await context.ask.bytes('v1/genesis'))
    if (toHex(genesis.networkId) !== context.networkId) return refused('its genesis is that of another network')
    if (member.admittedAt > 0) return await admittedLabel(member, toHex(genesis.registrar), context)
    const founders = [{ key: genesis.registrar, label: 'registrar' }, ...genesis.members]
    const founder = founders.find(({ key }) => toHex(key) === member.key)
    if (founder === undefined) return refused('genesis names no such key')
    return founder.label === member.label ? VERIFIED : refused(`genesis calls it ${JSON.stringify(founder.label)}`)
  } catch (error) {
    if (error instanceof AskError) return absent(`${error.code}: ${error.message}`)
    return refused(isWattnessError(error) ? `${error.code}: ${error.message}` : String(error))
  }
}

async function admittedLabel(member: MemberAnswer, registrar: string, context: LabelContext): Promise<LabelVerdict> {
  const { ask, checker, networkId, seen } = context
  const height = member.admittedAt - 1
  const { blocks } = await ask.json<BlocksAnswer>(`v1/members/0/blocks?from=${height}&limit=1&content=no`)
  const wanted = blocks[0]?.hash
  if (wanted === undefined || member.labelRecord === null) return absent('the observer does not show where it was admitted')
  const answer = await ask.json<BlockAnswer>(`v1/blocks/${wanted}`)
  const report = await checkBlock(answer, { checker, networkId, wanted, memberKey: registrar, seen })
  const [fault] = report.refused
  if (fault !== undefined) return refused(fault.detail)
  if (!report.ok || answer.body === null) return absent("the registrar's block could not be checked")
  const operations = decodeMembershipBody(bodyContent(fromBase64(answer.body)))
  const hash = operations.map((operation) => labelHashOf(operation, member.key)).find((each) => each !== undefined)
  if (answer.height !== height || hash === undefined) return refused(`block ${answer.height} of the registrar admits no such key`)
  const label = labelOf(fromBase64(member.labelRecord), hash)
  return label === member.label ? VERIFIED : refused(`the registrar calls it ${JSON.stringify(label)}`)
}

function labelHashOf(operation: MembershipOperation, key: string): Uint8Array | undefined {
  if (operation.type === 'admit' && toHex(operation.key) === key) return operation.labelHash
  return operation.type === 'replace-key' && toHex(operation.newKey) === key ? operation.labelHash : undefined
}
