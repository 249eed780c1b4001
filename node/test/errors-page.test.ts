import { expect } from 'chai'
import { JOIN_REFUSALS } from '../../protocol/join.ts'
import { VERDICTS } from '../../protocol/verdict.ts'
import { isTestOrBench, isTypeScript, readProject } from './harness/source-tree.ts'

/** Texts of the form of a code that are none: names of variables, of files, of signals, of the system's own codes. */
const NO_CODES = new Set(['WATTNESS_DATA', 'WATTNESS_DIR', 'NO_COLOR', 'ERR_HTTP_REQUEST_TIMEOUT', 'HPE_HEADER_OVERFLOW'])

/** Why evidence is none: `data.fault` of INVALID_EVIDENCE. */
const EVIDENCE_FAULTS = new Set([
  'DIFFERENT_MEMBERS',
  'WRONG_ORDER',
  'WRONG_SIZE',
  'SAME_ROOT',
  'PROOF_A',
  'PROOF_B',
  'SIGNATURE_A',
  'SIGNATURE_B',
  'DIFFERENT_WITNESSES',
  'DIFFERENT_EPOCHS',
  'NO_LEAF',
  'INCLUSION_A',
  'INCLUSION_B',
])

/** `${kind}_TAKEN`. */
const MADE_UP = ['TOPIC_TAKEN', 'PROTOCOL_TAKEN']

const project = readProject()

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
}

/** Every text of two words or more in capitals, and whatever an error is made with. */
function codesInSource(): Set<string> {
  const codes = new Set<string>([...MADE_UP, ...JOIN_REFUSALS, ...Object.keys(VERDICTS)])
  for (const file of project) {
    if (!isTypeScript(file) || isTestOrBench(file) || !/^(node|protocol|simulations)\//.test(file.path)) continue
    const text = withoutComments(file.text)
    for (const [, code] of text.matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g)) codes.add(code as string)
    for (const [, code] of text.matchAll(/WattnessError\(\s*'([A-Z_]+)'/g)) codes.add(code as string)
  }
  return new Set([...codes].filter((code) => !NO_CODES.has(code) && !EVIDENCE_FAULTS.has(code)))
}

/** Codes in the first column of a page's tables. */
function codesOnPage(path: string): string[] {
  const text = project.find((file) => file.path === path)?.text ?? ''
  return text
    .split('\n')
    .flatMap((line) => /^\|([^|]*)\|/.exec(line)?.[1] ?? [])
    .flatMap((cell) => [...cell.matchAll(/`([A-Z][A-Z0-9_]{3,})`/g)].map(([, code]) => code as string))
}

describe('docs/errors.md', () => {
  const documented = [...codesOnPage('docs/errors.md'), ...codesOnPage('docs/sources.md')]

  it('every code in the source is documented', () => {
    expect([...codesInSource()].filter((code) => !documented.includes(code)).sort()).to.deep.equal([])
  })

  it('every documented code is in the source', () => {
    const found = codesInSource()
    expect(documented.filter((code) => !found.has(code)).sort()).to.deep.equal([])
  })

  it('each code is documented once', () => {
    expect(documented.filter((code, at) => documented.indexOf(code) !== at)).to.deep.equal([])
  })

  it('says of each verdict what the table says', () => {
    const page = project.find((file) => file.path === 'docs/errors.md')?.text ?? ''
    const rows = [...page.matchAll(/^\| `([A-Z_]+)`[^|]*\|[^|]*\| (reject|ignore) \|$/gm)]
    for (const [, code, verdict] of rows) expect(VERDICTS[code as keyof typeof VERDICTS], code).to.equal(verdict)
    expect(rows).to.have.length.above(30)
  })
})
