import { writeFileSync } from 'node:fs'
import { toHex } from '../../bytes.ts'
import { formatGenesis, type Genesis, parseGenesis } from '../../genesis.ts'
import { type HeldInvitation, signInvitation } from '../../invitation.ts'
import {
  encodeJoinAnswer,
  encodeJoinRequest,
  formatJoinRequest,
  JOIN_REFUSALS,
  type JoinAnswer,
  type JoinRequest,
  makeJoinRequest,
} from '../../join.ts'
import { encodeLabelRecord } from '../../label.ts'
import { ROLE_METER, ROLE_WITNESS } from '../../roles.ts'
import { keyOf, seedOf, signerOf } from '../numbered-keys.ts'
import { signerFromSeed } from '../signing.ts'

export const SAMPLE_GENESIS: Genesis = parseGenesis(formatGenesis({ name: 'Elm Street', registrar: keyOf(1) }))

const { networkId } = SAMPLE_GENESIS
const terms = { key: keyOf(4), roles: ROLE_METER | ROLE_WITNESS, expiresAt: 1_800_000_000_000 }

/** By the registrar (seed 1), for the key of seed 4. */
export const SAMPLE_HELD: HeldInvitation = { invitation: signInvitation(signerOf(1), networkId, terms), seed: seedOf(4) }

const asked = {
  networkId,
  member: signerOf(2),
  roles: ROLE_METER,
  label: encodeLabelRecord(new Uint8Array(16).fill(0x77), 'Elm Street 12'),
}

export const OPEN_REQUEST: JoinRequest = makeJoinRequest(asked, signerFromSeed)
export const INVITED_REQUEST: JoinRequest = makeJoinRequest({ ...asked, held: SAMPLE_HELD }, signerFromSeed)

const answers: readonly JoinAnswer[] = [
  { type: 'accepted', registrarSize: 300 },
  ...JOIN_REFUSALS.map((code) => ({ type: 'refused', code }) as const),
]

function showRequest(name: string, request: JoinRequest): object {
  const { invited } = request
  return {
    name,
    text: formatJoinRequest(request),
    bytes: toHex(encodeJoinRequest(request)),
    networkId: toHex(request.networkId),
    member: toHex(request.member),
    roles: request.roles,
    label: toHex(request.label),
    ...(invited === undefined
      ? {}
      : {
          invitation: {
            key: toHex(invited.invitation.key),
            roles: invited.invitation.roles,
            expiresAt: invited.invitation.expiresAt,
            signature: toHex(invited.invitation.signature),
          },
          spent: toHex(invited.signature),
        }),
    signature: toHex(request.signature),
  }
}

export const joinVectors = {
  comment: 'Requests to join and answers (G12 to G17). Seeds: registrar 01…, member 02…, invitation 04…. Made by make-join.ts.',
  genesis: toHex(SAMPLE_GENESIS.bytes),
  cases: [showRequest('without invitation', OPEN_REQUEST), showRequest('with invitation', INVITED_REQUEST)],
  answers: answers.map((answer) => ({ ...answer, bytes: toHex(encodeJoinAnswer(answer)) })),
}

if (import.meta.main) {
  writeFileSync(new URL('join.json', import.meta.url), `${JSON.stringify(joinVectors, null, 2)}\n`)
}
