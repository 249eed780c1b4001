import { expect } from 'chai'
import { EMPTY_CHAIN } from '../../../protocol/index.ts'
import { MAX_CLAIMS, MAX_WORDS, SealGate, type SealGateInit } from '../../seal/index.ts'

describe('the seal gate', () => {
  let held: number
  let init: { -readonly [K in keyof SealGateInit]: SealGateInit[K] }

  beforeEach(() => {
    held = 10
    init = {
      head: () => ({ ...EMPTY_CHAIN, size: held }),
      signedRecord: () => ({ size: 10 }),
      otherMembers: () => 3,
      wordsNeeded: () => 1,
      writeRefusal: () => undefined,
      sealAlone: false,
      maxClockDriftMs: 1_000,
      clockOffsetsMs: () => [],
    }
  })

  it('waits for a neighbour’s word', () => {
    const gate = new SealGate(init)
    expect(gate.heldBack()).to.contain('no neighbour has said')
    gate.heard('a', 10)
    expect(gate.heldBack()).to.equal(undefined)
  })

  it('waits for as many words as it is told are needed, or as there are members', () => {
    const gate = new SealGate({ ...init, wordsNeeded: () => 2 })
    gate.heard('a', 10)
    gate.heard('a', 10)
    expect(gate.heldBack()).to.equal('1 of 2 members have said yet how much of this chain they hold')
    gate.heard('b', 9)
    expect(gate.heldBack()).to.equal(undefined)
    const few = new SealGate({ ...init, wordsNeeded: () => 6, otherMembers: () => 1 })
    few.heard('a', 10)
    expect(few.heldBack()).to.equal(undefined)
  })

  it('takes a witness’s attestation as its word, unless it tells of more than is held', () => {
    const gate = new SealGate({ ...init, wordsNeeded: () => 2 })
    gate.attested('liar', 1_000)
    gate.attested('a', 10)
    expect(gate.heldBack()).to.contain('1 of 2')
    gate.attested('b', 3)
    expect(gate.heldBack()).to.equal(undefined)
  })

  it('is not opened by more names than there can be members, and stays open once it was', () => {
    let needed = MAX_WORDS + 1
    const gate = new SealGate({ ...init, wordsNeeded: () => needed, otherMembers: () => MAX_WORDS + 1 })
    for (let i = 0; i <= MAX_WORDS; i++) gate.heard(`peer ${i}`, 10)
    expect(gate.heldBack()).to.contain(`${MAX_WORDS} of ${MAX_WORDS + 1}`)
    needed = MAX_WORDS
    expect(gate.heldBack()).to.equal(undefined)
    needed = MAX_WORDS + 1
    expect(gate.heldBack()).to.equal(undefined)
  })

  it('waits for nobody where there is no other member, or on the operator’s word', () => {
    expect(new SealGate({ ...init, otherMembers: () => 0 }).heldBack()).to.equal(undefined)
    expect(new SealGate({ ...init, sealAlone: true }).heldBack()).to.equal(undefined)
  })

  it('waits for own blocks that neighbours hold, on the operator’s word too', () => {
    const gate = new SealGate({ ...init, sealAlone: true })
    gate.heard('a', 12)
    gate.heard('b', 10)
    expect(gate.heldBack()).to.equal('neighbours hold 12 blocks of this chain, 10 are held here')
    held = 12
    expect(gate.heldBack()).to.equal(undefined)
  })

  it('waits for what this node has signed itself', () => {
    const gate = new SealGate({ ...init, sealAlone: true, signedRecord: () => ({ size: 11 }) })
    expect(gate.heldBack()).to.contain('11 blocks were signed, 10 are held')
    expect(new SealGate({ ...init, sealAlone: true, signedRecord: () => undefined }).heldBack()).to.equal(undefined)
  })

  it('forgets what a neighbour takes back, or turned out to have made up', () => {
    const gate = new SealGate(init)
    gate.heard('a', 1_000)
    gate.heard('b', 900)
    gate.disregard('a')
    expect(gate.heldBack()).to.contain('900')
    gate.heard('b', 9)
    expect(gate.heldBack()).to.equal(undefined)
  })

  it('remembers as many neighbours as there can be members', () => {
    const gate = new SealGate(init)
    for (let i = 0; i < MAX_CLAIMS; i++) gate.heard(`peer ${i}`, 11)
    gate.heard('one too many', 99)
    expect(gate.heldBack()).to.contain('hold 11')
    gate.heard('peer 3', 12)
    expect(gate.heldBack()).to.contain('hold 12')
  })

  it('stays shut while the clock is ahead of the neighbours’ median by more than the drift allowed', () => {
    let offsets = [-5_000, -1_001, 3_000]
    const gate = new SealGate({ ...init, sealAlone: true, clockOffsetsMs: () => offsets })
    expect(gate.heldBack()).to.equal("this clock is 1001 ms ahead of the neighbours' median, 1000 allowed")
    offsets = [-5_000, -1_000, 3_000]
    expect(gate.heldBack()).to.equal(undefined)
    offsets = [90_000]
    expect(gate.heldBack(), 'a clock that is behind harms nobody').to.equal(undefined)
  })

  it('stays shut for good once it was stopped, for the first reason', () => {
    const gate = new SealGate({ ...init, sealAlone: true })
    gate.stop('two histories')
    gate.stop('later')
    expect(gate.heldBack()).to.equal('two histories')
  })

  it('stays shut for a key that the network takes no blocks of', () => {
    expect(new SealGate({ ...init, sealAlone: true, writeRefusal: () => 'REVOKED' }).heldBack()).to.contain('REVOKED')
  })
})
