// The service that is killed. It handles orders, and notes each step.
import { setTimeout as pause } from 'node:timers/promises'
import { openShared } from 'rseq/shared'

const [name, mode] = process.argv.slice(2)
const shop = openShared(name)
const recorder = shop.ring('recorder', 1 << 16, { policy: 'overwrite' })
// For the proof only: how many notes were written.
const confirmed = shop.counter('confirmed')

const waiting = []
let notes = 0

/** Writes a note: one restartable sequence, some 40 ns, no system call. */
function note(text) {
  waiting.push(Buffer.from(`${++notes} ${text}`))
  if (mode !== '--buffered' || waiting.length === 100) {
    for (const bytes of waiting.splice(0)) recorder.write(bytes)
  }
  confirmed.add(1)
}

async function handle(order) {
  note(`order ${order} begins`)
  await pause(4 + 16 * Math.random())
  note(`order ${order} is paid`)
  await pause(4 + 16 * Math.random())
  note(`order ${order} ends`)
}

console.log('started')
for (let order = 1; ; order++) await handle(order)
