import { expect } from 'chai'
import { LACKING_MS } from '../../witness/attestation-desk.ts'
import { AttestationDeskStand, METER_INDEX, SOURCE } from './attestation-desk-stand.ts'

describe('an attestation of blocks that do not come', () => {
  let stand: AttestationDeskStand

  beforeEach(async () => {
    stand = await AttestationDeskStand.create()
  })

  afterEach(() => {
    expect(stand.errors).to.deep.equal([])
  })

  it('has its leaves asked for when it has waited for long enough, and again after as long', async () => {
    expect(await stand.say()).to.equal('accept')
    await stand.time.advance(LACKING_MS - 1)
    expect(stand.asked).to.deep.equal([])
    await stand.time.advance(1)
    expect(stand.asked).to.deep.equal([[LACKING_MS, SOURCE]])
    await stand.time.advance(LACKING_MS - 1)
    expect(stand.asked).to.have.length(1)
    await stand.time.advance(1)
    expect(stand.asked).to.deep.equal([
      [LACKING_MS, SOURCE],
      [2 * LACKING_MS, SOURCE],
    ])
  })

  it('is not asked for again once its leaves came: they count', async () => {
    stand.answer = stand.leaves()
    await stand.say()
    await stand.time.advance(LACKING_MS)
    const { root } = stand.meter.state()
    expect(stand.counted.find(({ member }) => member === METER_INDEX)?.root).to.deep.equal(root)
    await stand.time.advance(3 * LACKING_MS)
    expect(stand.asked).to.have.length(1)
  })

  it("waits for the registrar's chain first: its leaves are asked for only where as much of that is held", async () => {
    expect(await stand.say(1)).to.equal('accept')
    await stand.time.advance(3 * LACKING_MS)
    expect(stand.asked).to.deep.equal([])
    await stand.holdRegistrar()
    await stand.time.advance(LACKING_MS)
    expect(stand.asked).to.deep.equal([[4 * LACKING_MS, SOURCE]])
  })
})
