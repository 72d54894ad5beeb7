// SPDX-FileCopyrightText: 2026 The xapi.network authors
// SPDX-License-Identifier: GPL-3.0-or-later
// What Xen Orchestra's client does with a pool: connect, fetch all objects, watch, create a network (and see it come). Prints JSON.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [, , folder, url, user, password] = process.argv
const require = createRequire(pathToFileURL(folder + '/'))
const { createClient } = await import(pathToFileURL(require.resolve('xen-api')).href)

const xapi = createClient({ url, auth: { user, password }, allowUnauthorized: true, watchEvents: true })
await xapi.connect()
await xapi.objectsFetched
const counts = {}
for (const object of Object.values(xapi.objects.all)) {
  counts[object.$type] = (counts[object.$type] ?? 0) + 1
}
const ref = await xapi.callAsync('network.create', {
  name_label: 'from node', name_description: '', MTU: 9000, other_config: {}, tags: [],
})
const network = await xapi.barrier(ref)
await xapi.call('network.set_name_label', ref, 'renamed by node')
const deadline = Date.now() + 10000
while (xapi.getObject(ref).name_label !== 'renamed by node' && Date.now() < deadline) {
  await new Promise(resolve => setTimeout(resolve, 20))
}
const renamed = xapi.getObject(ref).name_label
await xapi.disconnect()
console.log(JSON.stringify({ counts, bridge: network.bridge, mtu: network.MTU, renamed, pool: xapi.pool?.$type ?? null }))
