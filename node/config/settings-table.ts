// All of it by one name, instead of its own `Type`: then only what is used of it goes into the built program.

import type { Static, TSchema, TUnsafe } from 'typebox'
import * as Type from 'typebox'

/**
 * Every setting of a node, once: from here come the schema of config.json, the names in the environment, the flags of the
 * commands and the reference in docs/configuration.md.
 */
export interface Setting<T extends TSchema = TSchema> {
  readonly schema: T
  /** As it would stand in config.json. */
  readonly preset: Static<T>
  /** The flag, and what its help calls the value; lists take one value each time they are given. */
  readonly flag: string
  readonly expected: string
  readonly what: string
  /** Only for nodes that read a meter. */
  readonly forMeters?: boolean
}

const setting = <T extends TSchema>(schema: T, rest: Omit<Setting<T>, 'schema'>): Setting<T> => ({ schema, ...rest })

/** Checked by ajv keywords of the same names (schema.ts). */
const duration = (least: string, most: string): TUnsafe<string> =>
  Type.Unsafe<string>({ type: 'string', durationWithin: [least, most] })
const spanText = (least: string, most: string): string => `a duration from ${least} to ${most}, such as 15m, 2s or 500ms`

const addresses = Type.Array(Type.Unsafe<string>({ type: 'string', multiaddr: true }), { maxItems: 64 })
const ADDRESSES = 'multiaddrs, such as /ip4/192.0.2.7/tcp/4001'

export const SETTINGS = {
  listen: setting(addresses, {
    preset: ['/ip4/0.0.0.0/tcp/0'],
    flag: '--listen <address>',
    expected: ADDRESSES,
    what: "Where neighbours may connect. Port 0: the port of the last time if it is free, else one of the system's choice.",
  }),
  announce: setting(addresses, {
    preset: [],
    flag: '--announce <address>',
    expected: ADDRESSES,
    what: 'What others are told instead of the listening addresses, where a router forwards a port.',
  }),
  bootstrap: setting(addresses, {
    preset: [],
    flag: '--bootstrap <address>',
    expected: `${ADDRESSES} with /p2p/…`,
    what: 'Neighbours that are dialled from the start and again for ever, beside those of the ticket.',
  }),
  mdns: setting(Type.Boolean(), {
    preset: true,
    flag: '--mdns [yes|no]',
    expected: 'true or false',
    what: 'Find neighbours on the local network. Not done where the node listens on loopback alone.',
  }),
  relay: setting(Type.Boolean(), {
    preset: false,
    flag: '--relay [yes|no]',
    expected: 'true or false',
    what: 'Reach neighbours through circuit relays, and past address translators by DCUtR.',
  }),
  relayServer: setting(Type.Boolean(), {
    preset: false,
    flag: '--relay-server [yes|no]',
    expected: 'true or false',
    what: 'Relay for others.',
  }),
  http: setting(Type.Unsafe<string>({ type: 'string', httpAddress: true }), {
    preset: 'off',
    flag: '--http <address>',
    expected: '"off", a port, which is served on this machine alone, or an IP address and a port, such as 192.0.2.7:8080',
    what:
      'Where the ledger is served by HTTP: the page, /v1, chains as C2SP tiled logs, checkpoints to be cosigned. ' +
      '`observe`: 8080 on this machine unless set, or a free port where that is taken.',
  }),
  httpRead: setting(Type.Enum(['open', 'tokens']), {
    preset: 'open',
    flag: '--http-read <open|tokens>',
    expected: '"open" or "tokens"',
    what: 'Who may read by HTTP: whoever reaches the address, or who has a token of DIR/http-tokens. Writing always needs one.',
  }),
  httpNames: setting(Type.Array(Type.String({ pattern: '^[A-Za-z0-9.-]{1,253}$' }), { maxItems: 16 }), {
    preset: [],
    flag: '--http-name <name>',
    expected: 'host names, such as observer.example.org',
    what: 'Names under which a proxy on this machine asks by HTTP, where it passes them on. Others are refused.',
  }),
  sources: setting(Type.Array(Type.String({ minLength: 1, maxLength: 8_192 }), { maxItems: 256 }), {
    preset: [],
    flag: '--source <spec>',
    expected: 'meter sources, such as p1:tcp://192.0.2.7:23, csv:FILE or household:7',
    what: 'Where readings come from.',
    forMeters: true,
  }),
  interval: setting(duration('100ms', '1d'), {
    preset: '15m',
    flag: '--interval <duration>',
    expected: spanText('100ms', '1d'),
    what: 'Time between two rounds of sealing. Each key has a moment of its own in its first sixth, or first ten seconds.',
    forMeters: true,
  }),
  rowsAtOnce: setting(Type.Integer({ minimum: 1, maximum: 4_096 }), {
    preset: 96,
    flag: '--rows-at-once <count>',
    expected: 'a whole number from 1 to 4096',
    what: 'Waiting readings that are sealed without waiting for the round.',
    forMeters: true,
  }),
  maxRows: setting(Type.Integer({ minimum: 1, maximum: 4_096 }), {
    preset: 96,
    flag: '--max-rows <count>',
    expected: 'a whole number from 1 to 4096',
    what: 'Most readings in one block.',
    forMeters: true,
  }),
  sampling: setting(Type.Enum(['interval', 'all']), {
    preset: 'interval',
    flag: '--sampling <interval|all>',
    expected: '"interval" or "all"',
    what: "What is kept of a meter's stream: registers at each boundary with mean and maximum power, or every reading.",
    forMeters: true,
  }),
  samplingInterval: setting(duration('1s', '1d'), {
    preset: '15m',
    flag: '--sampling-interval <duration>',
    expected: spanText('1s', '1d'),
    what: 'The interval of `sampling`.',
    forMeters: true,
  }),
  sampleOthers: setting(Type.Boolean(), {
    preset: false,
    flag: '--sample-others [yes|no]',
    expected: 'true or false',
    what: 'Keep voltage, current and counters too, at each boundary.',
    forMeters: true,
  }),
  sampleIntervalData: setting(Type.Boolean(), {
    preset: false,
    flag: '--sample-interval-data [yes|no]',
    expected: 'true or false',
    what: 'Sample CSV, household and JSON lines too, whose readings stand for intervals already.',
    forMeters: true,
  }),
  silentAfter: setting(duration('1s', '1d'), {
    preset: '2m',
    flag: '--silent-after <duration>',
    expected: spanText('1s', '1d'),
    what: 'A live source without a reading for so long is reported silent and opened again.',
    forMeters: true,
  }),
  keepFrames: setting(duration('0s', '3650d'), {
    preset: '30d',
    flag: '--keep-frames <duration>',
    expected: spanText('0s', '3650d'),
    what: 'How long raw frames stay on this node once their readings are sealed.',
    forMeters: true,
  }),
  keepSigned: setting(duration('0s', '36500d'), {
    preset: '3650d',
    flag: '--keep-signed <duration>',
    expected: spanText('0s', '36500d'),
    what: 'The same of frames that are signed records (charging records, OCMF): who doubts a bill asks for them years later.',
    forMeters: true,
  }),
  keepSeen: setting(duration('1d', '36500d'), {
    preset: '400d',
    flag: '--keep-seen <duration>',
    expected: spanText('1d', '36500d'),
    what: 'How long it is remembered which readings were taken; an older one counts as taken before.',
    forMeters: true,
  }),
  sealAlone: setting(Type.Boolean(), {
    preset: false,
    flag: '--seal-alone [yes|no]',
    expected: 'true or false',
    what: 'Seal after a start without hearing from a neighbour. Only where no other copy of this key has ever run.',
    forMeters: true,
  }),
  gossip: setting(Type.Enum(['on', 'off', 'auto']), {
    preset: 'auto',
    flag: '--gossip <on|off|auto>',
    expected: '"on", "off" or "auto"',
    what: 'Push blocks as soon as they are sealed; auto: in quiet, small neighbourhoods. Nothing depends on it.',
  }),
  announceDelay: setting(Type.Unsafe<string>({ type: 'string', durationWithin: ['10ms', '5m'], durationOr: 'auto' }), {
    preset: 'auto',
    flag: '--announce-delay <duration>',
    expected: `"auto" or ${spanText('10ms', '5m')}`,
    what: 'Rounds, at whose end by the clock neighbours are told what is new; auto: a sixth of the interval, 0.25 to 30 s.',
  }),
  attestDelay: setting(duration('10ms', '5m'), {
    preset: '2s',
    flag: '--attest-delay <duration>',
    expected: spanText('10ms', '5m'),
    what: 'Rounds, at whose end by the clock a witness attests what is new; at least a fifth of the interval.',
  }),
  crossCheck: setting(Type.Unsafe<string>({ type: 'string', durationWithin: ['1s', '1h'], durationOr: 'auto' }), {
    preset: 'auto',
    flag: '--cross-check <duration>',
    expected: `"auto" or ${spanText('1s', '1h')}`,
    what: 'Time between two comparisons of heads roots with each neighbour; auto: 30 s, and at least a tenth of the interval.',
  }),
  verifyThreads: setting(Type.Integer({ minimum: 0, maximum: 64 }), {
    preset: 1,
    flag: '--verify-threads <count>',
    expected: 'a whole number from 0 to 64',
    what: 'Worker threads that check long runs of blocks; 0: none.',
  }),
  logLevel: setting(Type.Enum(['debug', 'info', 'warn', 'error', 'silent']), {
    preset: 'info',
    flag: '--log-level <level>',
    expected: '"debug", "info", "warn", "error" or "silent"',
    what: 'What is logged.',
  }),
  logFormat: setting(Type.Enum(['auto', 'text', 'json']), {
    preset: 'auto',
    flag: '--log-format <format>',
    expected: '"auto", "text" or "json"',
    what: 'One line of text or of JSON for each event; auto: text on a terminal.',
  }),
} as const satisfies Readonly<Record<string, Setting>>

/** `announceDelay` is WATTNESS_ANNOUNCE_DELAY. */
export function environmentName(key: string): string {
  return `WATTNESS_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** `--announce-delay <duration>` without what follows the name. */
export function flagName(setting: Setting): string {
  return setting.flag.split(' ')[0] as string
}
