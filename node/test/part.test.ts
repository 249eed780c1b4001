import { expect } from 'chai'
import { isWattnessError } from '../../protocol/errors.ts'
import { loadPart } from '../part.ts'

describe('a part that is loaded where it is needed', () => {
  it('is what was loaded', async () => {
    expect(await loadPart('the sum', () => Promise.resolve(3))).to.equal(3)
  })

  it('PART_NOT_LOADED: names the part and the cause', async () => {
    const absent = './no-such-chunk.ts'
    const error = await loadPart('the command run', () => import(absent)).catch((reason: unknown) => reason)
    if (!isWattnessError(error, 'PART_NOT_LOADED')) throw error
    expect(error.message).to.match(/^the command run cannot be loaded: Cannot find module .*no-such-chunk/)
    expect(error.data).to.include({ part: 'the command run' })
    expect(error.cause).to.be.an('error')
  })
})
