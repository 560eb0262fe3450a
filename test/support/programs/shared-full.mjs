// Fills a small tmpfs, whose directory is the argument, with objects, and says how that ended.
import { closeSync, openSync, readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { allocateFile } from '../../../lib/runtime/mapping.js'
import { openShared } from '../../../lib/shared/index.js'

const directory = process.argv[2]
const shop = openShared('full', { directory })

function failure(act) {
  try {
    act()
  } catch ({ name, code, message, asked, available, limit }) {
    return { name, code, message, asked, available, limit }
  }
  return null
}

const tooLarge = failure(() => shop.ring('log', 4 << 20))
// The system's own answer, when two processes look for room at once.
const path = join(directory, 'large')
const file = openSync(path, 'w+')
const allocated = allocateFile(file, 4 << 20)
closeSync(file)
unlinkSync(path)

const counters = []
const full = failure(() => {
  for (let i = 0; i < 1000; i++) counters.push(shop.counter(`counter-${i}`))
})
for (const counter of counters) counter.add(1)
console.log(
  JSON.stringify({
    ...{ tooLarge, allocated, full, made: counters.length },
    total: counters.reduce((sum, { value }) => sum + value, 0),
    files: readdirSync(shop.path).filter((name) => !name.startsWith('counter-')),
  }),
)
