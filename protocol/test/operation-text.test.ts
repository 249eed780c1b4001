import { expect } from 'chai'
import { fromHex, operationText, ROLE_METER, ROLE_WITNESS } from '../index.ts'

describe('an operation as text', () => {
  const [keyHex, newKeyHex] = ['11'.repeat(32), '22'.repeat(32)]
  const [key, newKey] = [fromHex(keyHex), fromHex(newKeyHex)]
  const roles = ROLE_METER | ROLE_WITNESS

  it('says of each kind what it does, to whom, and since or until when', () => {
    const labelHash = new Uint8Array(32)
    expect([
      operationText({ type: 'admit', key, roles, labelHash }),
      operationText({ type: 'change-roles', key, roles }),
      operationText({ type: 'revoke', key, endSize: 7, endRoot: new Uint8Array(32) }),
      operationText({ type: 'replace-key', key, newKey, endSize: 7, endRoot: new Uint8Array(32), labelHash }),
    ]).to.deep.equal([
      { operation: 'admit', key: keyHex, roles: 'meter,witness' },
      { operation: 'change-roles', key: keyHex, roles: 'meter,witness' },
      { operation: 'revoke', key: keyHex, endSize: 7 },
      { operation: 'replace-key', key: keyHex, newKey: newKeyHex, endSize: 7 },
    ])
  })
})
