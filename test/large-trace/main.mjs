// Makes a trace of a given size, exports it, and measures the memory of the process that exports it: at most 200 MB, whatever the size.
//
//     npm run test:large-trace -- --size 10G          the full size; the disk needs twice as much
//     npm run test:large-trace -- --size 1G --format perfetto
//     npm run test:large-trace -- --size 64M --hold 250M   the control, which must fail: the exporter holds so much besides
//
// The rings are filled one after the other in /dev/shm and then copied to the disk, so that no more than 1 GiB of memory is needed. What is
// exported is such a copy. Nobody reads it by mapping it, so it does not count as memory of the exporter. All that it makes is removed.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  copyFileSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const MOST_MEMORY = 200e6
/** What is filled at once, on all CPUs together, in bytes. */
const MOST_PART = 2 ** 30
const UNITS = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }
const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const CLI = path('../../lib/cli/main.js')
const run = (program, args) => execFileSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 })

function parseSize(name, text) {
  const [, digits, unit] = /^(\d+)([KMG]?)$/.exec(text) ?? []
  const bytes = Number(digits) * UNITS[unit]
  if (bytes >= 2 ** 20) return bytes
  throw new Error(`--${name}: expected a size from 1M, such as 64M or 10G, got ${text}`)
}

/** The numbers in a list such as `0-3,8`. */
function cpusOf(list) {
  return list.split(',').flatMap((part) => {
    const [from, to = from] = part.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, k) => from + k)
  })
}

/** Fills traces and copies them to `copy`, until that has so many bytes of records. */
function make(copy, size) {
  const [, list] = /^Cpus_allowed_list:\s*(.*)$/m.exec(run('cat', ['/proc/self/status']))
  const cpus = cpusOf(list)
  const bytesPerCpu = 2 ** Math.floor(Math.log2(Math.min(size, MOST_PART) / cpus.length))
  const made = { traces: 0, events: 0, dropped: 0, bytes: 0 }
  mkdirSync(copy)
  for (; made.bytes < size; made.traces++) {
    const directory = mkdtempSync('/dev/shm/rseq-large-trace-')
    try {
      let dropped = 0
      for (const cpu of cpus) {
        const given = JSON.stringify({ directory, name: `part${made.traces}`, bytesPerCpu })
        const filled = JSON.parse(
          run('taskset', ['-c', String(cpu), process.execPath, path('fill.mjs'), given]),
        )
        made.events += filled.events
        dropped = filled.dropped
        made.bytes += bytesPerCpu
      }
      made.dropped += dropped
      const service = join(directory, 'rseq.large')
      for (const file of readdirSync(service)) copyFileSync(join(service, file), join(copy, file))
    } finally {
      rmSync(directory, { recursive: true })
    }
  }
  return made
}

/** Exports in a process of its own. Returns what it said, how long it took, and how much memory it had at most, in bytes. */
async function exportIn(copy, out, format, held) {
  const begin = performance.now()
  const args = ['--import', path('peak.mjs'), CLI, 'trace', 'export', copy, out, '--format', format]
  const env = { ...process.env, LARGE_TRACE_HOLD: String(held) }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  const texts = ['', '', '', '']
  for (const k of [1, 2, 3]) child.stdio[k].setEncoding('utf8').on('data', (text) => (texts[k] += text))
  const [status] = await once(child, 'close')
  const [, said, missing, peak] = texts
  if (status !== 0 || peak === '') throw new Error(`The export failed (${status}): ${missing}`)
  const dropped = [...missing.matchAll(/(\d+) events were discarded/g)].reduce(
    (sum, [, n]) => sum + Number(n),
    0,
  )
  const other = missing
    .split('\n')
    .filter((line) => line !== '' && !/: \d+ events were discarded$/.test(line))
  const [, events] = /^(\d+) events? in /.exec(said.replaceAll(',', '')) ?? []
  const seconds = (performance.now() - begin) / 1000
  return { events: Number(events), dropped, other, seconds, peak: Number(peak) * 1024 }
}

/** Follows the packets of each file to its end. Returns their number. @throws Error if a packet's size or its times are wrong. */
function checkPackets(out) {
  const [SIZE_AT, END_AT, HEAD] = [56, 40, 84]
  let packets = 0
  for (const trace of readdirSync(out)) {
    for (const name of readdirSync(join(out, trace)).filter((file) => file !== 'metadata')) {
      const file = openSync(join(out, trace, name))
      const head = Buffer.alloc(HEAD)
      let last = 0n
      const { size } = fstatSync(file)
      for (let at = 0; at < size; packets++) {
        readSync(file, head, 0, HEAD, at)
        const [end, bits] = [head.readBigUInt64LE(END_AT), head.readBigUInt64LE(SIZE_AT)]
        if (head.readUInt32LE(0) !== 0xc1fc1fc1 || bits === 0n || end < last)
          throw new Error(`${trace}/${name}: the packet at ${at} is wrong`)
        last = end
        at += Number(bits / 8n)
        if (at > size) throw new Error(`${trace}/${name}: the last packet is cut`)
      }
      closeSync(file)
    }
  }
  return packets
}

function bytesIn(out) {
  const stats = statSync(out)
  return stats.isDirectory()
    ? readdirSync(out).reduce((sum, name) => sum + bytesIn(join(out, name)), 0)
    : stats.size
}

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '10G' },
    format: { type: 'string', default: 'ctf' },
    directory: { type: 'string', default: '/var/tmp' },
    hold: { type: 'string' },
  },
})
const size = parseSize('size', values.size)
const held = values.hold === undefined ? 0 : parseSize('hold', values.hold)
const place = mkdtempSync(join(values.directory, 'rseq-large-trace-'))
try {
  const begin = performance.now()
  const made = make(join(place, 'copy'), size)
  const seconds = (performance.now() - begin) / 1000
  console.log(
    `Made ${made.events} events in ${made.traces} traces of together ${(made.bytes / 2 ** 30).toFixed(2)} GiB, in ${seconds.toFixed(0)} s.`,
  )
  const out = join(place, 'out')
  const done = await exportIn(join(place, 'copy'), out, values.format, held)
  const packets = values.format.startsWith('ctf') ? `, ${checkPackets(out)} packets` : ''
  console.log(
    `Exported ${done.events} events to ${values.format} in ${done.seconds.toFixed(0)} s: ${(bytesIn(out) / 2 ** 30).toFixed(2)} GiB${packets}.`,
  )
  console.log(
    `The exporter had at most ${(done.peak / 1e6).toFixed(0)} MB of memory; the bound is ${MOST_MEMORY / 1e6} MB.`,
  )
  const wrong = [
    ...done.other,
    ...(done.events === made.events ? [] : [`${made.events - done.events} events are missing`]),
    ...(done.dropped === made.dropped
      ? []
      : [`${made.dropped} were discarded, the export says ${done.dropped}`]),
    ...(done.peak <= MOST_MEMORY ? [] : ['the exporter had too much memory']),
  ]
  for (const text of wrong) console.error(`WRONG: ${text}`)
  process.exitCode = wrong.length === 0 ? 0 : 1
} finally {
  rmSync(place, { recursive: true })
}
