import { createHash } from 'node:crypto'
import { toHex } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { pathOf } from './byte-input.ts'
import { parseZone } from './local-time.ts'
import { type Login, readLogin } from './login-file.ts'
import { type BrokerAddress, brokerMessages, type Delivered } from './mqtt-connection.ts'
import { isTopicFilter, type MqttMapping, readMqttMapping } from './mqtt-mapping.ts'
import { MqttReader } from './mqtt-message.ts'
import { MQTT_PROFILES, type MqttProfile } from './mqtt-profiles.ts'
import type { MeterSource, SourceDeps, SourceFormat, SourceItem, SourceSpec } from './source.ts'
import { assertOptionsKnown, refuseOption } from './source-spec.ts'

/**
 * Messages of a broker. A message is acknowledged when its reading is on the disk, and the broker keeps what comes meanwhile: a
 * node or a broker that is restarted loses nothing.
 */
export const mqttFormat: SourceFormat = {
  name: 'mqtt',
  describe: 'messages of an MQTT broker: Tasmota, ESPHome, DSMR-reader, Zigbee2MQTT, or any JSON by a declared mapping',
  usage: [
    'mqtt:mqtt://HOST:1883?profile=tasmota&topic=tele/plug/SENSOR&zone=Europe/Berlin',
    'mqtt:mqtts://HOST:8883?map=MAPPING.json&login=LOGIN.json',
  ],
  quirks: [
    'a retained message without a time of its own is left out: it may be of any age',
    'what waited at the broker has, without a time of its own, clock-doubtful values',
    'Tasmota prints its time without a zone: it counts only where zone= names one',
  ],
  recognise: () => false,
  open,
  check: async (spec, deps) => {
    await mappingOf(spec, deps)
    await loginOf(spec, deps)
  },
}

const OPTIONS = ['profile', 'map', 'topic', 'zone', 'login', 'client']
const PORTS = { mqtt: 1_883, mqtts: 8_883 } as const
const CLIENT_BYTES = 8
/** Brokers of version 3.1 took 23 characters at most, and some still do. */
const CLIENT_ID = /^[A-Za-z0-9_-]{1,23}$/
/** Messages whose acknowledgement may not have reached the broker: it sends them again, with their number. */
const REMEMBERED = 64

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, OPTIONS)
  const address = addressOf(spec)
  profileOf(spec)
  topicOf(spec)
  assertZone(spec)
  const client = spec.options.get('client')
  if (client !== undefined && !CLIENT_ID.test(client))
    refuseOption(spec, 'client', 'expected at most 23 letters, digits, - and _')
  const recent = new Set<string>()
  return {
    spec: spec.text,
    kind: spec.kind,
    live: true,
    intervalData: false,
    items: (signal) => mqttItems(spec, address, deps, recent, signal),
  }
}

async function* mqttItems(
  spec: SourceSpec,
  address: BrokerAddress,
  deps: SourceDeps,
  recent: Set<string>,
  signal: AbortSignal,
): AsyncGenerator<SourceItem> {
  const { mapping, topics } = await mappingOf(spec, deps)
  const login = await loginOf(spec, deps)
  const reader = new MqttReader(mapping, () => deps.clock.now())
  const connection = { address, topics, clientId: await clientIdOf(spec, deps), login, clock: deps.clock }
  for await (const message of brokerMessages(connection, signal)) {
    const name = nameOf(message)
    if (message.isRepeated && name !== undefined && recent.has(name)) {
      message.acknowledge()
      continue
    }
    yield* reader.read({ ...message, isLate: message.isLate || message.isRepeated })
    yield {
      type: 'mark',
      durable: () => {
        if (name !== undefined) remember(recent, name)
        message.acknowledge()
      },
    }
  }
}

function nameOf({ messageId, topic, payload }: Delivered): string | undefined {
  if (messageId === undefined) return undefined
  return `${messageId} ${createHash('sha256').update(topic).update('\0').update(payload).digest('base64')}`
}

function remember(recent: Set<string>, name: string): void {
  recent.add(name)
  for (const oldest of recent) {
    if (recent.size <= REMEMBERED) return
    recent.delete(oldest)
  }
}

/** `mqtt://HOST[:PORT]` or `mqtts://…`. Throws SOURCE_SPEC_MALFORMED, never with a password that stood there. */
function addressOf(spec: SourceSpec): BrokerAddress {
  const url = URL.canParse(spec.target) ? new URL(spec.target) : undefined
  const protocol = url?.protocol === 'mqtt:' ? 'mqtt' : url?.protocol === 'mqtts:' ? 'mqtts' : undefined
  const bare = url !== undefined && (url.pathname === '' || url.pathname === '/') && url.hash === '' && url.search === ''
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    const message = `source ${spec.kind}: user and password belong into a file that login=FILE names, not into the address`
    throw new WattnessError('SOURCE_SPEC_MALFORMED', message, {})
  }
  if (url === undefined || protocol === undefined || !bare || url.hostname === '') {
    const message = `source ${spec.text}: expected mqtt://HOST:PORT or mqtts://HOST:PORT`
    throw new WattnessError('SOURCE_SPEC_MALFORMED', message, { found: spec.text })
  }
  return { protocol, host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: url.port === '' ? PORTS[protocol] : Number(url.port) }
}

function profileOf(spec: SourceSpec): MqttProfile | undefined {
  const name = spec.options.get('profile')
  if ((name === undefined) === (spec.options.get('map') === undefined)) {
    return refuseOption(spec, name === undefined ? 'profile' : 'map', 'exactly one of profile= and map= is needed')
  }
  const known = MQTT_PROFILES.map((profile) => profile.name).join(', ')
  const found = MQTT_PROFILES.find((profile) => profile.name === name)
  if (name !== undefined && found === undefined) return refuseOption(spec, 'profile', `expected one of ${known}`)
  if (found !== undefined && found.topic === undefined && !spec.options.has('topic')) {
    return refuseOption(spec, 'topic', `needed with this profile (${found.describe})`)
  }
  return found
}

function assertZone(spec: SourceSpec): void {
  const zone = spec.options.get('zone')
  if (zone === undefined) return
  if (spec.options.has('map')) refuseOption(spec, 'zone', 'the mapping names its zone itself')
  try {
    parseZone(zone)
  } catch {
    refuseOption(spec, 'zone', 'expected UTC, an offset such as +02:00 or a name such as Europe/Vilnius')
  }
}

function topicOf(spec: SourceSpec): string | undefined {
  const text = spec.options.get('topic')
  if (text === undefined) return undefined
  const topic = decoded(text)
  return topic !== undefined && isTopicFilter(topic)
    ? topic
    : refuseOption(spec, 'topic', 'expected a topic such as tele/plug/SENSOR; # is written %23')
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

async function mappingOf(spec: SourceSpec, deps: SourceDeps): Promise<{ mapping: MqttMapping; topics: readonly string[] }> {
  const profile = profileOf(spec)
  const file = spec.options.get('map')
  const mapping = profile?.mapping(spec.options.get('zone')) ?? (await readMqttMapping(pathOf(file as string, deps)))
  const topic = topicOf(spec) ?? profile?.topic
  const topics = topic === undefined ? (mapping.topics ?? []) : [topic]
  return topics.length === 0 ? refuseOption(spec, 'topic', 'needed where the mapping names no topics') : { mapping, topics }
}

async function loginOf(spec: SourceSpec, deps: SourceDeps): Promise<Login> {
  const file = spec.options.get('login')
  return file === undefined ? {} : readLogin(pathOf(file, deps))
}

/** Made once and kept: the broker knows the node by it. Without a place to keep it, the broker keeps nothing either. */
async function clientIdOf(spec: SourceSpec, deps: SourceDeps): Promise<string | undefined> {
  const given = spec.options.get('client')
  if (given !== undefined) return given
  if (deps.memory === undefined) return undefined
  const name = `client of ${spec.text}`
  const kept = (await deps.memory.read(name))?.['clientId']
  if (typeof kept === 'string' && CLIENT_ID.test(kept)) return kept
  const clientId = `wn-${toHex(deps.random.bytes(CLIENT_BYTES))}`
  await deps.memory.write(name, { clientId })
  return clientId
}
