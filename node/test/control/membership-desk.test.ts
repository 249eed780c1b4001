import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  type Bytes,
  EMPTY_ROOT,
  encodeLabelRecord,
  formatGenesis,
  formatJoinRequest,
  isWattnessError,
  type JoinRequestInit,
  MAX_MEMBERS,
  MAX_WITNESSES,
  makeJoinRequest,
  parseRoles,
  ROLE_METER,
  ROLE_WITNESS,
  signInvitation,
  toHex,
  ZERO_HASH,
} from '../../../protocol/index.ts'
import {
  admitMember,
  type ControlledNode,
  changeRoles,
  describeMembers,
  type ReplaceOrder,
  type ReplaceResult,
  replaceMember,
  revokeMember,
} from '../../control/index.ts'
import { createKeyFile, makeDirectory } from '../../directory/index.ts'
import { createMemoryHub, createSigner, type OpenedNode, openNode, systemPlatform, verifySignature } from '../../index.ts'

const signerOf = (n: number) => createSigner(new Uint8Array(32).fill(n))
const keyOf = (n: number): Bytes => signerOf(n).publicKey
const hexOf = (n: number): string => toHex(keyOf(n))

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (isWattnessError(error)) return error.code === 'JOIN_REFUSED' ? `JOIN_REFUSED ${error.data['code'] as string}` : error.code
    throw error
  }
  return 'none'
}

/** Members 1 and 2 are meters by genesis, called "one" and "two"; keys 1 and 2. */
describe('membership desk', () => {
  let dir: string
  let opened: OpenedNode
  let node: ControlledNode

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'wattness-desk-'))
    const files = await makeDirectory(join(dir, 'registrar'))
    const registrar = createSigner(await createKeyFile(files, systemPlatform.random)).publicKey
    const members = ['one', 'two'].map((label, i) => ({ key: keyOf(i + 1), roles: ROLE_METER, label }))
    await writeFile(files.genesis, formatGenesis({ name: 'Elm Street', registrar, members }))
    const hub = createMemoryHub(systemPlatform)
    opened = await openNode({
      dir: files.dir,
      settings: { verifyThreads: 0, sealAlone: true },
      network: (key) => hub.network(key),
    })
    node = opened.node
  })
  afterEach(async () => {
    await opened.close()
    await rm(dir, { recursive: true })
  })

  const replace = (order: ReplaceOrder, on = node): Promise<ReplaceResult> =>
    replaceMember(on, { ...systemPlatform, verify: verifySignature }, order)

  /** The node, with some of its answers given. */
  const posing = (as: Partial<ControlledNode>): ControlledNode =>
    new Proxy(node, {
      get: (target, name) => {
        const value: unknown = Reflect.get(name in as ? as : target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })

  const request = (n: number, more: Partial<JoinRequestInit> = {}): string => {
    const { networkId } = node.genesis
    const label = encodeLabelRecord(new Uint8Array(16), `label ${n}`)
    return formatJoinRequest(makeJoinRequest({ networkId, member: signerOf(n), roles: ROLE_METER, label, ...more }, createSigner))
  }

  /** Witnesses until there are 22. */
  async function fillWitnesses(): Promise<void> {
    const admits = Array.from({ length: MAX_WITNESSES }, (_, i) => ({
      type: 'admit' as const,
      key: keyOf(100 + i),
      roles: ROLE_WITNESS,
      labelHash: ZERO_HASH,
    }))
    await node.changeMembership(admits)
  }

  describe('roles', () => {
    it('are given in full, and to have them already is no error', async () => {
      const expected = { key: hexOf(1), index: 1, label: 'one', roles: 'meter,observer' }
      expect(await changeRoles(node, 'one', 'observer,meter')).to.deep.equal({ members: [expected] })
      expect(await changeRoles(node, '1', 'meter,observer')).to.deep.equal({ members: [expected] })
      expect(node.store.head(node.key)?.size).to.equal(1)
      expect(node.membership.at(1)?.roles).to.equal(parseRoles('meter,observer'))
    })

    it('of several members change in one block, all or none', async () => {
      await admitMember(node, systemPlatform.random, { who: hexOf(3), label: 'three, left' })
      const { size } = node.membership
      const changed = await changeRoles(node, `one, ${hexOf(2)},3,one`, 'meter,witness')
      expect(changed.witnesses).to.equal(3)
      expect(changed.members.map(({ index, roles }) => [index, roles])).to.deep.equal(
        [1, 2, 3].map((index) => [index, 'meter,witness']),
      )
      expect(node.heldMembership?.size).to.equal(size + 1)
      expect(await codeOf(changeRoles(node, 'one,nobody', 'meter'))).to.equal('MEMBER_UNKNOWN')
      expect(
        (await changeRoles(node, 'three, left', 'meter')).members.map(({ index }) => index),
        'a comma in a label',
      ).to.deep.equal([3])
    })

    it('ROLES_INVALID, OUT_OF_RANGE, MEMBER_UNKNOWN, MEMBER_IS_REGISTRAR, REVOKED', async () => {
      expect(await codeOf(changeRoles(node, 'one', 'king'))).to.equal('ROLES_INVALID')
      expect(await codeOf(changeRoles(node, 'one', 'registrar'))).to.equal('OUT_OF_RANGE')
      expect(await codeOf(changeRoles(node, 'three', 'meter'))).to.equal('MEMBER_UNKNOWN')
      expect(await codeOf(changeRoles(node, '0', 'meter'))).to.equal('MEMBER_IS_REGISTRAR')
      await revokeMember(node, 'one')
      expect(await codeOf(changeRoles(node, 'one', 'observer'))).to.equal('REVOKED')
    })

    it('WITNESSES_FULL for the 23rd witness, by whatever way it would come', async () => {
      await fillWitnesses()
      expect(await codeOf(changeRoles(node, 'one', 'meter,witness'))).to.equal('WITNESSES_FULL')
      expect(await codeOf(admitMember(node, systemPlatform.random, { who: hexOf(9), roles: 'witness' }))).to.equal(
        'WITNESSES_FULL',
      )
      expect((await changeRoles(node, hexOf(100), 'meter,witness')).members[0]?.roles).to.equal('meter,witness')
      await admitMember(node, systemPlatform.random, { who: hexOf(9) })
      expect(node.heldMembership?.member(keyOf(9))?.roles, 'no room: a meter alone').to.equal(ROLE_METER)
    })

    it('NOT_THE_REGISTRAR for whoever else orders', async () => {
      const other = posing({ key: keyOf(1) })
      expect(await codeOf(changeRoles(other, 'one', 'meter'))).to.equal('NOT_THE_REGISTRAR')
      expect(await codeOf(replace({ member: 'one', by: hexOf(9) }, other))).to.equal('NOT_THE_REGISTRAR')
    })
  })

  it('MEMBERS_FULL for the 257th member', async () => {
    const { networkId: labelHash } = node.genesis
    const keys = Array.from({ length: MAX_MEMBERS - 3 }, (_, i) => {
      const key = keyOf(200).slice()
      key[5] = i
      return key
    })
    for (let at = 0; at < keys.length; at += 64) {
      const admits = keys.slice(at, at + 64).map((key) => ({ type: 'admit', key, roles: ROLE_METER, labelHash }) as const)
      await node.changeMembership(admits)
    }
    expect(node.membership.members).to.have.length(MAX_MEMBERS)
    expect(await codeOf(admitMember(node, systemPlatform.random, { who: hexOf(9) }))).to.equal('MEMBERS_FULL')
  })

  describe('a replaced key', () => {
    it('ends at what is final, and the new one has its roles and its label', async () => {
      const final = { size: 7, root: ZERO_HASH }
      const result = await replace({ member: 'one', by: hexOf(9) }, posing({ finalOf: () => final }))
      expect(result).to.deep.equal({
        key: hexOf(9),
        index: 3,
        label: 'one',
        registrarSize: 1,
        replaces: { key: hexOf(1), index: 1, endSize: 7 },
      })
      const { membership } = node
      expect(membership.at(1)?.revoked).to.deep.equal({ atSize: 1, endSize: 7, endRoot: ZERO_HASH, replacedBy: 3 })
      expect(membership.at(3)).to.deep.include({ roles: ROLE_METER, replaces: 1 })
      expect(await node.store.labels.get(keyOf(9))).to.have.length(16 + 3)
    })

    it('ends at what is held where nothing tells what is final; made already, it is no error', async () => {
      const order = { member: 'one', by: hexOf(9), label: 'another' }
      const result = await replace(order)
      expect(result).to.deep.include({ label: 'another', replaces: { key: hexOf(1), index: 1, endSize: 0 } })
      expect(node.membership.at(1)?.revoked?.endRoot).to.deep.equal(EMPTY_ROOT)
      expect(await replace(order)).to.deep.equal(result)
      expect(node.store.head(node.key)?.size).to.equal(1)
    })

    it('by a request: its label counts, what else it asks for does not', async () => {
      const seed = new Uint8Array(32).fill(50)
      const terms = { key: createSigner(seed).publicKey, roles: ROLE_METER, expiresAt: 1 }
      const expired = { invitation: signInvitation(signerOf(3), node.genesis.networkId, terms), seed }
      const result = await replace({ member: 'one', by: request(9, { roles: ROLE_WITNESS, held: expired }) })
      expect(result.label).to.equal('label 9')
      expect(node.membership.at(3)?.roles).to.equal(ROLE_METER)
    })

    it('JOIN_REFUSED with the reason for a key that cannot be let in', async () => {
      const elsewhere = request(9, { networkId: ZERO_HASH })
      expect(await codeOf(replace({ member: 'one', by: elsewhere }))).to.equal('JOIN_REFUSED WRONG_NETWORK')
      expect(await codeOf(replace({ member: 'one', by: hexOf(2) }))).to.equal('JOIN_REFUSED ALREADY_MEMBER')
      expect(await codeOf(replace({ member: 'one', by: request(2) }))).to.equal('JOIN_REFUSED ALREADY_MEMBER')
      await revokeMember(node, 'two')
      expect(await codeOf(replace({ member: 'one', by: hexOf(2) }))).to.equal('JOIN_REFUSED REVOKED')
      expect(node.membership.at(1)?.revoked).to.equal(undefined)
    })

    it('JOIN_REFUSED, MEMBERS_FULL: 256 members, revoked ones included', async () => {
      const { membership } = node
      const full = Array.from({ length: MAX_MEMBERS }, (_, i) => membership.members[Math.min(i, 2)])
      const posed = { members: full, member: () => undefined, at: (i: number) => membership.at(i) }
      const on = posing({ heldMembership: posed as unknown as typeof membership })
      expect(await codeOf(replace({ member: hexOf(1), by: hexOf(9) }, on))).to.equal('JOIN_REFUSED MEMBERS_FULL')
    })

    it('REQUEST_INVALID, QUERY_INVALID, UNACCEPTABLE_KEY, LABEL_INVALID, REVOKED, MEMBER_IS_REGISTRAR', async () => {
      expect(await codeOf(replace({ member: 'one', by: 'fnord' }))).to.equal('REQUEST_INVALID')
      expect(await codeOf(replace({ member: 'one', by: request(9), label: 'x' }))).to.equal('QUERY_INVALID')
      expect(await codeOf(replace({ member: 'one', by: '00'.repeat(32) }))).to.equal('UNACCEPTABLE_KEY')
      expect(await codeOf(replace({ member: 'one', by: hexOf(9), label: '' }))).to.equal('LABEL_INVALID')
      expect(await codeOf(replace({ member: '0', by: hexOf(9) }))).to.equal('MEMBER_IS_REGISTRAR')
      await revokeMember(node, 'one')
      expect(await codeOf(replace({ member: 'one', by: hexOf(9) }))).to.equal('REVOKED')
      await replace({ member: 'two', by: hexOf(9) })
      expect(await codeOf(replace({ member: 'two', by: hexOf(10) }))).to.equal('REVOKED')
    })

    it('OPERATION_VOID where another change came first', async () => {
      const late = posing({ changeMembership: () => Promise.resolve() })
      expect(await codeOf(replace({ member: 'one', by: hexOf(9) }, late))).to.equal('OPERATION_VOID')
      expect(await codeOf(changeRoles(late, 'one', 'observer'))).to.equal('OPERATION_VOID')
      expect(await codeOf(revokeMember(late, 'one'))).to.equal('OPERATION_VOID')
    })
  })

  it('a chain that told two stories is revoked at what is final, another at what is held', async () => {
    const final = { size: 5, root: ZERO_HASH }
    expect((await revokeMember(posing({ finalOf: () => final }), 'two')).endSize).to.equal(0)
    await node.store.evidence.put(keyOf(1), new Uint8Array(3))
    expect((await revokeMember(posing({ finalOf: () => final }), 'one')).endSize).to.equal(5)
  })

  it('lists what is held, and marks what does not count yet', async () => {
    const before = node.membership
    await changeRoles(node, 'two', 'observer')
    await replace({ member: 'one', by: hexOf(9) })
    const short = (view: Parameters<typeof describeMembers>[0]): unknown =>
      describeMembers(view).map(({ roles, replaces, revoked, counts }) => [roles, replaces, revoked?.replacedBy, counts])
    expect(short({ membership: before, heldMembership: node.membership })).to.deep.equal([
      ['registrar', null, undefined, true],
      ['meter', null, 3, false],
      ['observer', null, undefined, false],
      ['meter', 1, undefined, false],
    ])
    expect(describeMembers(node).every(({ counts }) => counts)).to.equal(true)
  })
})
