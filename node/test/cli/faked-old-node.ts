/** Imported before the command, it makes this process say that it is Node 20; processes that it starts say the truth. */
if (process.env['FAKED_OLD_NODE'] === undefined) {
  process.env['FAKED_OLD_NODE'] = 'yes'
  Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } })
}
