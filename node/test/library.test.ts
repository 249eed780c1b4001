import { expect } from 'chai'
import { formatGenesis, parseGenesis, parseObis, type Reading, UNIT } from '../../protocol/index.ts'
import {
  createMemoryHub,
  createNode,
  createSigner,
  DEFAULT_SETTINGS,
  LedgerStore,
  openMemoryKv,
  systemPlatform,
} from '../index.ts'

describe('the library', () => {
  it('createNode makes a node of parts, with defaults for the rest', async () => {
    const signer = createSigner(new Uint8Array(32).fill(7))
    const genesis = parseGenesis(formatGenesis({ name: 'alone', registrar: signer.publicKey }))
    const store = await LedgerStore.open({ kv: await openMemoryKv(), networkId: genesis.networkId, ownKey: signer.publicKey })
    const network = createMemoryHub(systemPlatform).network(signer.publicKey)
    const node = await createNode({ genesis, signer, store, network, settings: { verifyThreads: 0 } })
    expect(node.settings).to.deep.equal({ ...DEFAULT_SETTINGS, verifyThreads: 0 })
    const heights: number[] = []
    const end = node.on('sealed', ({ height }) => heights.push(height))
    await node.start()
    const register = { obis: parseObis('1-0:1.8.0'), unit: UNIT.wattHour, scaler: 0 }
    const reading: Reading = {
      time: Date.UTC(2026, 0, 1),
      intervalMs: 0,
      timeSource: 'meter-clock',
      values: [{ register, value: 42, quality: 'good' }],
    }
    expect(await node.take([{ source: 'my meter', reading }])).to.deep.equal({ taken: 1, duplicates: 0 })
    expect((await node.sealNow())?.rows).to.equal(1)
    end()
    expect(heights).to.deep.equal([0])
    expect(store.head(signer.publicKey)?.size).to.equal(1)
    await node.stop()
    await store.close()
  })
})
