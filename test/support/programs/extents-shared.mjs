// Writes records into a shared ring from the CPUs that this process may run on, and says what is allocated.
import { openShared } from '../../../lib/shared/index.js'

const [, , directory, bytes, records] = process.argv
const shop = openShared('extents', { directory })
const ring = shop.ring('log', Number(bytes), { policy: 'overwrite' })
for (let i = 0; i < Number(records); i++) ring.write(Buffer.from([i]))
const { bytes: size, allocated } = shop.objects()[0]
console.log(JSON.stringify({ size, allocated, cpus: ring.snapshot().map(({ cpu }) => cpu) }))
