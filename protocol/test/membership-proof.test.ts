import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { fromHex, toHex } from '../bytes.ts'
import { isWattnessError } from '../errors.ts'
import { parseGenesis } from '../genesis.ts'
import { EMPTY_ROOT } from '../hash.ts'
import { MAX_WITNESSES } from '../limits.ts'
import {
  attestRegistrar,
  decodeMembershipItem,
  encodeMembershipItem,
  MAX_MEMBERSHIP_ITEM_BYTES,
  MAX_MEMBERSHIP_ITEMS,
  type MembershipItem,
  openMembershipProof,
  type RegistrarAttestation,
} from '../membership-proof.ts'
import { flipped } from './chain-author.ts'
import { codeOf } from './codes.ts'
import { keyOf } from './numbered-keys.ts'
import { admit, ProofSetting, revoke } from './proof-setting.ts'
import { expectRefusal } from './refusal.ts'
import { testVerify } from './signing.ts'
import { membershipProofVectors } from './vectors/make-membership-proof.ts'

/** Four witnesses of genesis (keys 2 to 5, quorum 3); block 0 makes key 6 the fifth (quorum 4), block 2 takes key 3 away. */
const setting = new ProofSetting(4).operate([admit(6)])
setting.registrar.append()
setting.operate([revoke(3)])
const { genesis } = setting

const first = await setting.item(0, 1, 0, [2, 3, 4])
const second = await setting.item(1, 3, 1, [2, 3, 4, 5])

const open = (...items: readonly MembershipItem[]) => openMembershipProof(testVerify, genesis, items)

/** The refusal's words, for an item that must be refused. */
function refusalOf(items: readonly MembershipItem[], item: number): string {
  const { message, data } = expectRefusal('MEMBERSHIP_UNPROVEN', () => open(...items))
  expect(data.item).to.equal(item)
  return message
}

const withAttestations = (item: MembershipItem, attestations: readonly RegistrarAttestation[]): MembershipItem => ({
  ...item,
  attestations,
})

describe('membership proof', () => {
  it('membership-proof.json is what its script makes', () => {
    const written: unknown = JSON.parse(readFileSync(new URL('vectors/membership-proof.json', import.meta.url), 'utf8'))
    expect(written).to.deep.equal(membershipProofVectors)
  })

  for (const { name, genesis: file, items, result } of membershipProofVectors.cases) {
    it(`P14 to P17: ${name}`, () => {
      const prove = () =>
        openMembershipProof(
          testVerify,
          parseGenesis(fromHex(file)),
          items.map((item) => decodeMembershipItem(fromHex(item))),
        )
      if (typeof result === 'string') return expect(codeOf(prove)).to.equal(result)
      const { membership, epochs } = prove()
      expect(membership.size).to.equal(result.size)
      return expect(epochs.all.map(({ fromSize, quorum = 0, witnesses }) => [fromSize, quorum, witnesses])).to.deep.equal(
        result.epochs,
      )
    })
  }

  it('P16, P17: genesis alone shows its own witnesses', () => {
    const { membership, epochs } = open()
    expect(membership.size).to.equal(0)
    expect(epochs.all).to.have.length(1)
    expect(epochs.latest).to.include({ number: 0, fromSize: 0, quorum: 3, tolerated: 1 })
    expect(epochs.latest.witnesses.map((index) => toHex(membership.at(index)?.key as Uint8Array))).to.deep.equal(
      [2, 3, 4, 5].map((n) => toHex(keyOf(n))),
    )
  })

  it('P17: each epoch with its witnesses and quorum, found by the registrar size that a block names', () => {
    const proven = open(first, second)
    expect(proven.membership.size).to.equal(3)
    expect(
      proven.epochs.all.map(({ number, fromSize, quorum, witnesses }) => [number, fromSize, quorum, witnesses.length]),
    ).to.deep.equal([
      [0, 0, 3, 4],
      [1, 1, 4, 5],
      [2, 3, 3, 4],
    ])
    expect([0, 1, 2, 3].map((size) => proven.epochs.at(size).number)).to.deep.equal([0, 1, 1, 2])
  })

  it('P14: a run ends where the witnesses change', async () => {
    const crossing = await setting.item(0, 2, 0, [2, 3, 4])
    expect(refusalOf([crossing], 0)).to.include('epoch 1 begins')
  })

  it('P14: runs go on where the one before ended', async () => {
    expect(refusalOf([second], 0)).to.include('does not go on at registrar size 0')
    expect(refusalOf([first, first], 1)).to.include('does not go on at registrar size 1')
    expect(refusalOf([{ run: Uint8Array.of(1, 2), attestations: [] }], 0)).to.include('membership: item 0')
    expect(refusalOf([{ run: new Uint8Array(0), attestations: [] }], 0)).to.include('membership: item 0')
  })

  it('P14: the runs are the registrar of genesis its own, and pass the door', () => {
    const meter = setting.meter(2).grow(1)
    expect(refusalOf([{ ...first, run: meter.run(0, 1) }], 0)).to.include('not the registrar')
    expect(refusalOf([{ ...first, run: flipped(first.run, -1) }], 0)).to.include('BAD_SIGNATURE')
    expect(refusalOf([{ ...first, run: flipped(first.run, -70) }], 0)).to.match(/BAD_SIGNATURE|WRONG_ROOT/)
  })

  it('P14: faults that are not of the bytes are not taken for such', () => {
    const broken = new Proxy(first.run, {
      get: () => {
        throw new TypeError('no memory')
      },
    })
    expect(() => open({ ...first, run: broken })).to.throw(TypeError)
  })

  it('P15: an attestation of more blocks counts by its consistency proof', async () => {
    const later = await setting.item(0, 1, 0, [2, 3, 4], 3)
    expect(open(later).membership.size).to.equal(1)
    const [one, ...others] = later.attestations as [RegistrarAttestation, ...RegistrarAttestation[]]
    const wrong = [{ ...one, consistency: one.consistency.map((hash) => flipped(hash, 0)) }, ...others]
    expect(refusalOf([withAttestations(later, wrong)], 0)).to.include('does not go on')
    expect(refusalOf([withAttestations(later, [{ ...one, consistency: [] }, ...others])], 0)).to.include('does not go on')
  })

  it('P15: an attestation of fewer blocks says nothing', async () => {
    const early = await setting.attested(5, 1, 2)
    expect(refusalOf([first, withAttestations(second, [...second.attestations.slice(0, 3), early])], 1)).to.include(
      'does not go on',
    )
  })

  it("P15: the registrar's leaf must be in the attestation's heads root", async () => {
    const [one, ...others] = first.attestations as [RegistrarAttestation, ...RegistrarAttestation[]]
    for (const change of [
      { root: EMPTY_ROOT },
      { inclusion: [] },
      { inclusion: one.inclusion.map((hash) => flipped(hash, 9)) },
    ]) {
      expect(refusalOf([withAttestations(first, [{ ...one, ...change }, ...others])], 0)).to.include('not in what')
    }
    const leaves = setting.leaves(1)
    expect(codeOf(() => attestRegistrar(one.signed, leaves.slice(1), []))).to.equal('OUT_OF_RANGE')
    expect(codeOf(() => attestRegistrar(one.signed, setting.leaves(0), []))).to.equal('OUT_OF_RANGE')
    expect(codeOf(() => attestRegistrar(one.signed, [], []))).to.equal('OUT_OF_RANGE')
  })

  it('P16: quorum - 1 is not enough', () => {
    expect(refusalOf([withAttestations(first, first.attestations.slice(1))], 0)).to.include('2 witnesses of epoch 0, 3 expected')
    expect(refusalOf([first, withAttestations(second, second.attestations.slice(1))], 1)).to.include('4 expected')
  })

  it('P16: a witness counts once, in member order', () => {
    const [a, b, c] = first.attestations as [RegistrarAttestation, RegistrarAttestation, RegistrarAttestation]
    expect(refusalOf([withAttestations(first, [a, b, b])], 0)).to.include('once each')
    expect(refusalOf([withAttestations(first, [b, a, c])], 0)).to.include('once each')
  })

  it('P16: a member that is no witness of the epoch counts for nothing', async () => {
    const stranger = await setting.attested(6, 0, 1)
    expect(refusalOf([withAttestations(first, [...first.attestations.slice(1), stranger])], 0)).to.include(
      'is no witness of epoch 0',
    )
  })

  it('P16: an attestation of another epoch counts for nothing', async () => {
    const other = await setting.attested(5, 1, 1)
    expect(refusalOf([withAttestations(first, [...first.attestations.slice(0, 2), other])], 0)).to.include(
      'of epoch 1 in epoch 0',
    )
  })

  it('P16: a forged signature, and one for another network', () => {
    const [one, ...others] = first.attestations as [RegistrarAttestation, ...RegistrarAttestation[]]
    const forged = { ...one, signed: { ...one.signed, signature: flipped(one.signed.signature, 40) } }
    expect(refusalOf([withAttestations(first, [forged, ...others])], 0)).to.include('not signed by')
    const elsewhere = new ProofSetting(3).attest(2, 0, 0, one.signed).signature
    const other = { ...one, signed: { ...one.signed, signature: elsewhere } }
    expect(refusalOf([withAttestations(first, [other, ...others])], 0)).to.include('not signed by')
  })

  it('P17: new witnesses without the closing quorum of the old ones, as the registrar alone could make them', async () => {
    const bare = withAttestations(first, [])
    expect(refusalOf([bare], 0)).to.include('no quorum of epoch 0 for the change of witnesses')
    const invented = new ProofSetting(4).operate([2, 3, 4, 5].map(revoke), [12, 13, 14, 15].map(admit))
    const mine = await invented.item(0, 1, 0, [])
    const theirs = await invented.item(1, 2, 1, [12, 13, 14])
    expect(refusalOf([mine, theirs], 0)).to.include('no quorum of epoch 0')
  })

  it('P16: blocks of one epoch may come in several items; without a quorum they are not final', async () => {
    const part = await setting.item(1, 2, 1, [])
    expect(open(first, part).membership.size).to.equal(1)
    const rest = await setting.item(2, 3, 1, [2, 3, 4, 5])
    expect(open(first, part, rest).membership.size).to.equal(3)
  })

  it('P16: without witnesses the registrar alone is believed, and nobody attests', async () => {
    const alone = new ProofSetting(0).operate([admit(6)], [admit(7)])
    const items = [await alone.item(0, 1, 0, []), await alone.item(1, 2, 1, [])]
    const prove = (...list: MembershipItem[]) => openMembershipProof(testVerify, alone.genesis, list)
    const { membership, epochs } = prove(items[0] as MembershipItem)
    expect([membership.size, epochs.get(0)?.quorum, epochs.get(1)?.quorum]).to.deep.equal([1, undefined, 1])
    expect(codeOf(() => prove(...items))).to.equal('MEMBERSHIP_UNPROVEN')
    const attested = [items[0] as MembershipItem, await alone.item(1, 2, 1, [6])]
    expect(prove(...attested).membership.size).to.equal(2)
    const extra = await alone.item(0, 1, 0, [6])
    expect(codeOf(() => prove(extra))).to.equal('MEMBERSHIP_UNPROVEN')
  })

  it('P13: an item comes back', () => {
    for (const item of [first, second]) expect(decodeMembershipItem(encodeMembershipItem(item))).to.deep.equal(item)
  })

  it('P13: every changed byte is refused, by the form or by the proof', () => {
    const bytes = encodeMembershipItem(first)
    for (let at = 0; at < bytes.length; at++) {
      const changed = flipped(bytes, at)
      let proven = false
      try {
        open(decodeMembershipItem(changed))
        proven = true
      } catch (error) {
        if (!isWattnessError(error)) throw error
      }
      expect(proven, `byte ${at}`).to.equal(false)
    }
  }).timeout(20_000)

  it('P13, UNKNOWN_VERSION, LIMIT_EXCEEDED, OUT_OF_RANGE: other versions and more than the bounds allow', () => {
    expect(codeOf(() => decodeMembershipItem(Uint8Array.of(2)))).to.equal('UNKNOWN_VERSION')
    expect(codeOf(() => decodeMembershipItem(new Uint8Array(MAX_MEMBERSHIP_ITEM_BYTES + 1)))).to.equal('LIMIT_EXCEEDED')
    const many = encodeMembershipItem(
      withAttestations(
        first,
        Array.from({ length: MAX_WITNESSES + 1 }, () => first.attestations[0] as RegistrarAttestation),
      ),
    )
    expect(codeOf(() => decodeMembershipItem(many))).to.equal('OUT_OF_RANGE')
    expect(codeOf(() => decodeMembershipItem(encodeMembershipItem(first).slice(0, -1)))).to.equal('TRUNCATED')
    expect(
      refusalOf(
        Array.from({ length: MAX_MEMBERSHIP_ITEMS + 1 }, () => first),
        MAX_MEMBERSHIP_ITEMS,
      ),
    ).to.include('more than')
  })
})
