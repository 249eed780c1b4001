/** The room of configuration: one table of settings for the file, the environment and the flags. */

export { formatDuration, parseDuration } from './duration.ts'
export { type HttpAddress, parseHttpAddress } from './http-address.ts'
export { type NodeOptions, nodeOptionsOf } from './node-options.ts'
export { formatConfigReference } from './reference.ts'
export { type Config, type ConfigKey, KEYS, type Origins, type Resolved, type ResolveInit, resolveConfig } from './resolve.ts'
export { environmentName, SETTINGS, type Setting } from './settings-table.ts'
