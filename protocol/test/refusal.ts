import { expect } from 'chai'
import { WattnessError } from '../errors.ts'

/** Runs `work`, which must throw a WattnessError of the given code, and returns that error. */
export function expectRefusal(code: string, work: () => unknown): WattnessError {
  try {
    work()
  } catch (error) {
    if (!(error instanceof WattnessError)) throw error
    expect(error.code, error.message).to.equal(code)
    return error
  }
  return expect.fail(`expected ${code}, nothing was thrown`)
}
