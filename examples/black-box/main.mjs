// A service notes what it does in a flight recorder: a ring in memory that processes share. It is killed by SIGKILL, so it
// can write no farewell. Then this process, which never spoke to it, shows the service's last second.
// Run it: npm ci && npm run example:black-box, or from a built clone: node examples/black-box/main.mjs
// With --buffered the service collects its notes before it writes them, as many loggers do: then the last ones are missing, and
// the exit status is 1.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { now, toDate } from 'rseq'
import { openShared } from 'rseq/shared'

const SECOND = 1_000_000_000n
const SHOWN = 12

const text = ({ bytes }) => Buffer.from(bytes).toString()
const numberOf = (record) => Number(text(record).split(' ', 1)[0])
const wallClock = ({ time }) => toDate(time).toISOString().slice(11, 23)

/** Starts the service and kills it in the middle of its work. Returns when the signal was sent. */
async function flight(shop, args) {
  const file = fileURLToPath(new URL('service.mjs', import.meta.url))
  const service = spawn(process.execPath, [file, shop.name, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(service, 'exit')
  await Promise.race([once(service.stdout, 'data'), ended])
  await pause(1200 + 600 * Math.random())
  const sent = now()
  service.kill('SIGKILL')
  const [code, signal] = await ended
  console.log(`Process ${service.pid} ended by ${signal ?? `exit status ${code}`}.`)
  return sent
}

function show(records, killed) {
  const last = records.filter(({ time }) => killed - time < SECOND)
  console.log(`The recorder has ${records.length} notes, ${last.length} of them of the last second:\n`)
  const tenths = Array.from({ length: 10 }, () => 0)
  // A note may have been written between the signal and the end.
  for (const { time } of last)
    tenths[Math.max(0, Math.floor((10 * Number(killed - time)) / Number(SECOND)))]++
  for (const [tenth, notes] of [...tenths.entries()].reverse()) {
    console.log(`  ${(-(tenth + 1) / 10).toFixed(1)} s  ${'#'.repeat(notes)} ${notes}`)
  }
  console.log(`\nThe last ${SHOWN}, with the time before the signal:\n`)
  for (const record of last.slice(-SHOWN)) {
    const before = (Number(record.time - killed) / 1e6).toFixed(3)
    console.log(`  ${wallClock(record)}  ${before.padStart(9)} ms  CPU ${record.cpu}  ${text(record)}`)
  }
}

/** Compares the notes with the number of them that the service had confirmed. Returns whether none is missing. */
function prove(records, confirmed) {
  const numbers = records.map(numberOf)
  const newest = numbers.at(-1) ?? 0
  const gaps = numbers.filter((number, i) => i > 0 && number !== numbers[i - 1] + 1).length
  console.log(`\nThe service had confirmed note ${confirmed}; the newest one here is note ${newest}.`)
  // One note may have been committed when the signal came between the note and its confirmation.
  const isComplete = newest - confirmed >= 0 && newest - confirmed <= 1 && gaps === 0
  if (isComplete) console.log('Nothing is missing.')
  else
    console.log(
      `WRONG: ${confirmed - newest} notes are missing at the end, and there are ${gaps} gaps before.`,
    )
  return isComplete
}

const shop = openShared(`black-box-example-${process.pid}`)
try {
  const killed = await flight(shop, process.argv.slice(2))
  const records = shop.ring('recorder', 1 << 16, { policy: 'overwrite' }).snapshot()
  show(records, killed)
  process.exitCode = prove(records, shop.counter('confirmed').value) ? 0 : 1
} finally {
  rmSync(shop.path, { recursive: true, force: true })
}
