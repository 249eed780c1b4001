import { expect } from 'chai'
import { flag, list, nullable, number, readAnswer, record, type Shape, shown, text } from '../../control/answer-shape.ts'

interface Pet {
  readonly name: string
  readonly age: number
  readonly tame: boolean
  readonly owner: { readonly name: string } | null
  readonly toys: readonly string[]
}

const PET: Shape<Pet> = record<Pet>({
  name: text,
  age: number,
  tame: flag,
  owner: nullable(record<{ readonly name: string }>({ name: text })),
  toys: list(text),
})

describe('the shape of an answer', () => {
  const rex = { name: 'Rex', age: 4, tame: true, owner: { name: 'Ann' }, toys: ['ball'] }

  it('takes what it knows as it came, and leaves out what it does not know', () => {
    expect(readAnswer(PET, { ...rex, colour: 'red' })).to.deep.equal({ value: rex, unknown: [] })
    expect(readAnswer(PET, { ...rex, owner: null })).to.deep.equal({ value: { ...rex, owner: null }, unknown: [] })
  })

  it('names what is lacking or of another kind, and takes it for no number, no word and nobody', () => {
    const { value, unknown } = readAnswer(PET, { name: 7, owner: {}, toys: [1, 'ball'] })
    expect(value).to.deep.equal({ name: '?', age: Number.NaN, tame: false, owner: { name: '?' }, toys: ['?', 'ball'] })
    expect(unknown).to.deep.equal(['name', 'age', 'tame', 'owner.name', 'toys'])
    expect([shown(value.age), shown(0)]).to.deep.equal(['?', '0'])
  })

  it('says of a whole record that it is lacking, once, and of the items of a list together', () => {
    expect(readAnswer(PET, { ...rex, owner: undefined })).to.deep.equal({ value: { ...rex, owner: null }, unknown: ['owner'] })
    const pets = readAnswer(list(PET), [{ ...rex, owner: undefined }, rex, { ...rex, age: undefined }])
    expect(pets.unknown).to.deep.equal(['owner', 'age'])
    expect(pets.value[1]?.owner).to.deep.equal({ name: 'Ann' })
    for (const answer of [undefined, null, 'Rex', 7]) expect(readAnswer(PET, answer).value.toys, String(answer)).to.deep.equal([])
    expect(readAnswer(list(PET), {}).value).to.deep.equal([])
  })
})
