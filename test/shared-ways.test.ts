/**
 * One service with processes of each way: sections by fast calls, sections by Node-API, and atomics where the kernel refuses
 * sections. And processes whose CPUs the others cannot visit.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { info } from '../lib/index.js'
import type { SharedDirectory } from '../lib/shared/index.js'
import { findService, readService } from '../lib/inspect/index.js'
import { SUPPORT_FILE, supportOr } from './support/addon.js'
import { machineWithSectionsOr } from './support/machine.js'
import { LIST, NOTE, POOL, RING, UNITS } from './support/programs/mixture.mjs'
import { type Actor, type Place, REFUSED_ACTOR, WHY_NO_SHM, useService } from './support/shared.js'

const ROUNDS = 300
const KILLED = 200
const PATIENCE_MS = 240_000
const NO_SETTING = { RSEQ_BACKEND: '', RSEQ_TIER: '' }
/** Makes the C library leave the registration of threads to this library, which the kernel then refuses. */
const REFUSED = { ...NO_SETTING, GLIBC_TUNABLES: 'glibc.pthread.rseq=0', RSEQ_TEST_SUPPORT: SUPPORT_FILE }

interface Done {
  left: number
  written: number
}

describe.skipIf(WHY_NO_SHM !== '')('processes of all ways', () => {
  let place: Place
  let shop: SharedDirectory
  useService((made, opened) => {
    place = made
    shop = opened
  })

  const starts: (() => Promise<Actor>)[] = [
    () => place.actorIn(NO_SETTING),
    () => place.actorIn({ ...NO_SETTING, RSEQ_TIER: 'napi' }),
    () => place.actorIn(REFUSED, REFUSED_ACTOR),
    () => place.actorIn({ ...NO_SETTING, RSEQ_BACKEND: 'portable' }),
  ]
  const startAll = (): Promise<Actor[]> => Promise.all(starts.map((start) => start()))

  /** Fills the list: each node once, whoever comes first. */
  function fill(): void {
    const list = shop.list('list', LIST)
    for (let node = 0; node < UNITS; node++) if (list.adopt(node, 0)) list.push(node)
  }

  /** Every block can be taken once, and every node is on a list once. */
  function checkUnits(): void {
    const [pool, list] = [shop.pool('pool', POOL), shop.list('list', LIST)]
    pool.reclaim()
    list.reclaim()
    const blocks = new Set<number>()
    for (let block = pool.alloc(); block !== -1; block = pool.alloc()) blocks.add(block)
    expect(blocks.size).toBe(UNITS)
    for (const block of blocks) pool.free(block)
    const nodes = list.drain()
    expect(nodes.length).toBe(UNITS)
    expect(new Set(nodes).size).toBe(UNITS)
    for (const node of nodes) list.push(node)
  }

  function lockedTotal(words: Int32Array): number {
    return words.subarray(NOTE.locked).reduce((sum, count) => sum + count, 0)
  }

  test('each says how it takes part', async ({ skip }) => {
    supportOr(skip)
    const { tier } = await machineWithSectionsOr(skip)
    const actors = await startAll()
    const ways = await Promise.all(actors.map((actor) => actor.ask('ways')))
    expect(ways).toEqual([
      { backend: 'native', sharing: tier },
      { backend: 'native', sharing: 'napi' },
      { backend: 'portable', sharing: 'atomics' },
      { backend: 'portable', sharing: 'napi' },
    ])
    const others = new Set(actors.map(({ pid }) => pid))
    const seen = shop.processes().filter(({ pid }) => others.has(pid))
    const wayOf = new Map(seen.map(({ pid, way }) => [pid, way]))
    expect(actors.map(({ pid }) => wayOf.get(pid))).toEqual([tier, 'napi', 'atomics', 'napi'])
    const outside = readService(findService(shop.path)).processes.filter(({ pid }) => others.has(pid))
    expect(outside.map(({ pid, way }) => [pid, way])).toEqual(seen.map(({ pid, way }) => [pid, way]))
  })

  test('every structure is exact, and a word without a lock is not', async ({ skip, annotate }) => {
    supportOr(skip)
    fill()
    const { words, path } = place.notes()
    const actors = await startAll()
    const [stack, ring] = [shop.stack('stack', 1000), shop.ring('ring', RING)]
    let [total, left, turns] = [0, 0, 0]
    const end = performance.now() + PATIENCE_MS
    // The control loses when two processes are between a load and a store, which may take some turns.
    while (turns === 0 || (words[NOTE.plain] === total && performance.now() < end)) {
      turns++
      const input = { rounds: ROUNDS, path }
      const done = await Promise.all(
        actors.map((actor, number) => actor.ask('mix', { ...input, number }) as Promise<Done>),
      )
      total += actors.length * ROUNDS
      left += done.reduce((sum, one) => sum + one.left, 0)
      expect(shop.counter('whole').value).toBe(total)
      expect(shop.counter('halves', { type: 'f64' }).value).toBe(total / 2)
      expect([...shop.counterArray('many', 4).snapshot()]).toEqual(Array<number>(4).fill(total / 4))
      expect(shop.histogram('times').snapshot().count).toBe(total)
      const array = shop.array('array', 4)
      const places = [...Array(info().possibleCpus).keys(), 'overflow'] as const
      const sums = [0, 1, 2, 3].map((i) => places.reduce<number>((sum, cpu) => sum + array.get(cpu, i), 0))
      expect(sums).toEqual(Array<number>(4).fill(total / 4))
      expect(words[NOTE.mutexed]).toBe(total)
      expect(words[NOTE.shadow]).toBe(total)
      expect(words[NOTE.two]).toBe(0)
      expect(lockedTotal(words)).toBe(total)
      let records = 0
      ring.drain(() => records++)
      expect(records).toBe(done.reduce((sum, one) => sum + one.written, 0))
      expect(records).toBeGreaterThan(0)
    }
    expect(stack.drain().length).toBe(left)
    checkUnits()
    expect(words[NOTE.plain]).toBeLessThan(total)
    await annotate(`${turns} turns; without a lock, ${words[NOTE.plain]} of ${total} additions were there`)
  }, 280_000)

  test('each way is killed while it uses every structure', async ({ skip }) => {
    supportOr(skip)
    fill()
    const { words, path } = place.notes()
    let confirmed = 0
    let inFlight = 0
    for (let kill = 0; kill < 2; kill++) {
      const actors = await startAll()
      const before = Array.from(words.subarray(0, actors.length))
      for (const [number, actor] of actors.entries()) actor.tell('mixForEver', { number, path })
      for (const [number, actor] of actors.entries()) {
        while (Atomics.load(words, number) < (before[number] ?? 0) + KILLED) await turn()
        await actor.kill()
      }
      inFlight += actors.length
      confirmed = words.subarray(0, actors.length).reduce((sum, count) => sum + count, 0)
    }
    for (const value of [
      shop.counter('whole').value,
      2 * shop.counter('halves', { type: 'f64' }).value,
      shop
        .counterArray('many', 4)
        .snapshot()
        .reduce((sum, count) => sum + count, 0),
      shop.histogram('times').snapshot().count,
      words[NOTE.shadow] ?? 0,
    ]) {
      expect(value).toBeGreaterThanOrEqual(confirmed)
      expect(value).toBeLessThanOrEqual(confirmed + inFlight)
    }
    expect(words[NOTE.two]).toBe(0)
    checkUnits()
  }, 120_000)
})

/** The cgroup hierarchy that has cpusets; undefined if there is none that can be found. */
function cpusetRoot(): string | undefined {
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8') : ''
  return /^\S+ (\S+) cgroup \S*\bcpuset\b/m.exec(mounts)?.[1]
}

/** Two groups of one CPU each. */
class Cpusets {
  readonly #groups: string[] = []
  readonly why: string = ''

  constructor(cpus: readonly number[]) {
    const root = cpusetRoot()
    try {
      if (root === undefined) throw new Error('there is no hierarchy of cpusets')
      for (const cpu of cpus) {
        const group = `${root}/rseq-test-${process.pid}-${cpu}`
        mkdirSync(group)
        this.#groups.push(group)
        writeFileSync(`${group}/cpuset.mems`, readFileSync(`${root}/cpuset.mems`))
        writeFileSync(`${group}/cpuset.cpus`, String(cpu))
      }
    } catch (error) {
      this.why = `no cpusets can be made here: ${(error as Error).message}`
    }
  }

  /** Moves a process, with all its threads. */
  move(pid: number, group: number): void {
    writeFileSync(`${this.#groups[group]}/cgroup.procs`, String(pid))
  }

  remove(): void {
    for (const group of this.#groups) rmdirSync(group)
  }
}

describe.skipIf(WHY_NO_SHM !== '')('processes of disjoint cpusets', () => {
  let place: Place
  useService((made) => {
    place = made
  })

  test('own the shards of CPUs that they cannot visit', async ({ skip }) => {
    const support = supportOr(skip)
    const cpus = support.getAffinity(0).slice(0, 2)
    skip(cpus.length < 2, 'this process may use one CPU only')
    const cpusets = new Cpusets(cpus)
    const actors: Actor[] = []
    try {
      skip(cpusets.why !== '', cpusets.why)
      for (const group of [0, 1]) {
        const actor = await place.actorIn(NO_SETTING)
        actors.push(actor)
        cpusets.move(actor.pid, group)
        // The kernel refuses such a visit.
        const other = cpus.slice(1 - group, 2 - group)
        expect(() => support.setAffinity(actor.pid, other)).toThrow('sched_setaffinity')
      }
      const times = 200
      const done = await Promise.all(actors.map((actor) => actor.ask('visit', { cpus, times })))
      expect(done).toEqual([2 * times, 2 * times])
    } finally {
      await Promise.all(actors.map((actor) => actor.kill()))
      cpusets.remove()
    }
  }, 120_000)
})
