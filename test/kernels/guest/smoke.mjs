// The package, loaded and used in an emulated machine: `node smoke.mjs NAME`, the name in front of each result.
// What this machine should be like is in /rig/machine.json.
import assert from 'node:assert/strict'
import { readFileSync, readSync } from 'node:fs'
import { release } from 'node:os'
import { PerCpuCounter, concurrencyId, cpuId, info, numaNode, verify } from '/app/lib/index.js'
import { CHECKS } from './check-names.mjs'
import { Crew } from './crew.mjs'

const name = process.argv[2]
const machine = JSON.parse(readFileSync('/rig/machine.json', 'utf8'))
const expected = machine.smoke[name]
const WORKERS = 8

const [major, minor] = release().split('.').map(Number)
/** There are fast calls only for the Node that the machine's binaries were built with. */
const tier = expected.tier === 'fast' && process.versions.modules !== machine.abi ? 'napi' : expected.tier
/** The kernel gives node and concurrency ids: from 6.3 on, to threads that are registered. */
const hasIds = expected.backend === 'native' && (major > 6 || (major === 6 && minor >= 3))

/** Asks the host; it answers by a line on the console. */
function askHost(what) {
  console.log(`@@ask ${what}`)
  readSync(0, Buffer.alloc(256))
}

const crew = new Crew(WORKERS)

async function countExactly(options, { delta, times, before = () => {}, after = () => {} }) {
  const counter = new PerCpuCounter(options)
  const { start, done } = await crew.prepare(counter, { delta, times })
  before()
  start()
  await done
  after()
  assert.equal(counter.value, WORKERS * times * delta)
  const shards = counter.perCpu().filter((count) => count !== 0).length
  return `${counter.value} by ${WORKERS} workers in ${shards} shards, index ${counter.index}, overflow ${counter.overflow}`
}

/** Until `isEnough()`, with the event loop running in between. */
async function until(isEnough) {
  while (!isEnough()) await new Promise((resolve) => setImmediate(resolve))
}

const checks = {
  info() {
    const { backend, reason, registration, kernel, libc, platform, node, features, area, ...rest } = info()
    assert.equal(backend, expected.backend)
    assert.equal(rest.tier, tier)
    assert.equal(registration, expected.registration)
    assert.equal(area?.mode, expected.mode)
    if (expected.reason === null) assert.equal(reason, null)
    else assert.match(reason, new RegExp(expected.reason))
    assert.match(libc, new RegExp(machine.libc))
    assert.equal(platform, machine.platform)
    assert.equal(kernel, backend === 'native' ? release() : '')
    assert.equal(features.concurrencyId, hasIds)
    assert.equal(features.numaNode, hasIds)
    const why = reason === null ? '' : ` (${reason})`
    return `${backend}/${tier}${why}, ${registration}, ${area?.mode ?? 'no area'}, ${features.usableSize} bytes, ${libc}, Node ${node}`
  },

  place() {
    const { possibleCpus } = info()
    assert.ok(possibleCpus >= machine.cpus)
    for (const id of [cpuId(), concurrencyId()]) assert.ok(id >= 0 && id < possibleCpus, `id ${id}`)
    assert.equal(numaNode(), 0)
    return `CPU ${cpuId()} of ${possibleCpus}, concurrency id ${concurrencyId()}`
  },

  verify() {
    const seen = verify()
    if (expected.backend === 'portable') {
      assert.equal(seen.passed, false)
      assert.match(seen.reason, /portable/)
      return seen.reason
    }
    assert.equal(seen.passed, true, JSON.stringify(seen))
    const { signals, preemptionAborts, preemptionTries, counted, aborts, controlExpected, controlCounted } =
      seen
    return (
      `${signals} of ${signals} signals and ${preemptionAborts} of ${preemptionTries} preemptions aborted, ` +
      `${counted} additions exact with ${aborts} aborts, control lost ${controlExpected - controlCounted}`
    )
  },

  'workers-i64': () => countExactly({}, { delta: 3, times: 5000 }),

  'workers-f64': () => countExactly({ type: 'f64' }, { delta: 0.5, times: 5000 }),

  async 'concurrency-index'() {
    const isThere = hasIds || expected.backend === 'portable'
    assert.equal(new PerCpuCounter({ index: 'concurrency' }).index, isThere ? 'concurrency' : 'cpu')
    return countExactly({ index: 'concurrency' }, { delta: 1, times: 5000 })
  },

  // The emulator takes interrupts only between translated blocks; for once let each be one instruction.
  'interrupted-anywhere': () =>
    countExactly(
      {},
      {
        delta: 1,
        times: 2000,
        before: () => askHost('singlestep on'),
        after: () => askHost('singlestep off'),
      },
    ),

  async 'reset-under-load'() {
    const times = 20_000
    const counter = new PerCpuCounter()
    const { start, done, additions } = await crew.prepare(counter, { times })
    let taken = 0
    let resets = 0
    start()
    await until(() => {
      taken += counter.reset()
      resets++
      return additions() === WORKERS * times
    })
    await done
    assert.equal(taken + counter.value, WORKERS * times)
    return `${resets} resets took ${taken}, ${counter.value} left`
  },

  // The last one: the crew is gone after it.
  async 'terminated-workers'() {
    const counter = new PerCpuCounter()
    const { start, additions } = await crew.prepare(counter, { times: Infinity })
    start()
    await until(() => additions() > 10_000)
    await crew.terminate()
    // Each may have died between its last addition and the note of it.
    const unconfirmed = counter.value - additions()
    assert.ok(unconfirmed >= 0 && unconfirmed <= WORKERS, `${counter.value} for ${additions()}`)
    return `${additions()} confirmed, ${unconfirmed} more counted`
  },
}

assert.deepEqual(Object.keys(checks), CHECKS)
for (const [check, run] of Object.entries(checks)) {
  try {
    console.log(`@@result ${name}/${check} pass ${await run()}`)
  } catch (error) {
    process.exitCode = 1
    console.log(`@@result ${name}/${check} fail ${error.message.replace(/\s+/g, ' ')}`)
  }
}
