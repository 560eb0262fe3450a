/** Mutexes and the locks of CPUs in memory that processes share: real processes, and how they die. */
import { spawnSync } from 'node:child_process'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { OwnerDiedError } from '../lib/index.js'
import type { SharedDirectory } from '../lib/shared/index.js'
import { supportOr } from './support/addon.js'
import { goesWrong } from './support/control.js'
import { type Actor, type Place, WHY_NO_SHM, useService } from './support/shared.js'

const LOCKS = { mutex: 'gate', cpuLock: 'cpus' }
const NAPI = ['env', 'RSEQ_TIER=napi']
/** See `programs/shared-actor.mjs`. */
const LEDGER = { second: 2, two: 3, died: 4, confirmed: 8 }

describe.skipIf(WHY_NO_SHM !== '')('locks of processes', () => {
  let place: Place
  let shop: SharedDirectory
  useService((made, opened) => {
    place = made
    shop = opened
  })

  test('three processes of two threads lose nothing under them, and something without', async () => {
    const { words, path } = place.notes()
    const actors = await Promise.all([place.actor(), place.actor(), place.actor('shop', {}, ...NAPI)])
    const run = async (adds: number, isLocked: boolean): Promise<[number, number]> => {
      words.fill(0)
      const input = { ...LOCKS, path, threads: 2, adds, isLocked }
      await Promise.all(actors.map((actor) => actor.ask('addLocked', input)))
      return [words[0] as number, words.slice(16).reduce((sum, word) => sum + word, 0)]
    }
    expect(await run(30_000, true)).toEqual([180_000, 180_000])
    const isWrong = goesWrong(3_000_000, async (adds) => {
      const [without] = await run(adds, false)
      return without < 6 * adds
    })
    expect(await isWrong).toBe(true)
  })

  test('a process that is killed with the locks is followed by the next one, which learns of it', async ({
    annotate,
    skip,
  }) => {
    const support = supportOr(skip)
    const cpus = support.getAffinity(0)
    const mutex = shop.mutex(LOCKS.mutex)
    const locks = shop.cpuLock(LOCKS.cpuLock)
    for (const how of ['lock', 'lockAsync', 'tryLock'] as const) {
      const owner = await place.actor()
      const waiter = await place.actor()
      const cpu = (await owner.ask('lock', LOCKS)) as number
      expect(mutex.tryLock()).toBe(false)
      const waiting = how === 'tryLock' ? undefined : waiter.ask('wait', { ...LOCKS, how })
      while (waiting !== undefined && new Int32Array(mutex.buffer).indexOf(1, 32) === -1) await turn()
      expect(JSON.stringify(mutex)).toContain('"slot"')
      await owner.kill()
      const dead = Date.now()
      if (waiting === undefined) expect(() => mutex.tryLock()).toThrow(OwnerDiedError)
      else {
        const { died, at } = (await waiting) as { died: boolean; at: number }
        expect(died).toBe(true)
        await annotate(`${how}: ${Math.max(0, at - dead)} ms after the owner's death`)
        expect(mutex.tryLock()).toBe(true)
      }
      mutex.unlock()
      support.setAffinity(0, [cpu])
      try {
        expect(() => locks.tryLockThisCpu()).toThrow(OwnerDiedError)
      } finally {
        support.setAffinity(0, cpus)
      }
      locks.unlock(cpu)
    }
  })

  test('a task that waits gets the mutex that a living process gives back', async () => {
    const mutex = shop.mutex(LOCKS.mutex)
    const waiter = await place.actor()
    for (const how of ['lock', 'lockAsync']) {
      mutex.lock()
      const waiting = waiter.ask('wait', { ...LOCKS, how })
      while (new Int32Array(mutex.buffer).indexOf(1, 32) === -1) await turn()
      mutex.unlock()
      expect(await waiting).toMatchObject({ died: false })
    }
    expect(mutex.tryLock()).toBe(true)
    mutex.unlock()
  })

  test('processes that are killed at any time leave the mutex with one owner', async ({ annotate }) => {
    const { words, path } = place.notes()
    const mutex = shop.mutex(LOCKS.mutex)
    const start = async (number: number): Promise<Actor> => {
      const actor = await (number === 0 ? place.actor('shop', {}, ...NAPI) : place.actor())
      words[LEDGER.confirmed + number] = 0
      actor.tell('lockForEver', { ...LOCKS, path, number })
      while (Atomics.load(words, LEDGER.confirmed + number) < 1000) await turn()
      return actor
    }
    const actors = await Promise.all([0, 1, 2].map(start))
    const end = performance.now() + 8000
    let confirmed = 0
    let kills = 0
    const killOne = async (number: number): Promise<void> => {
      await actors[number]?.kill()
      kills++
      confirmed += words[LEDGER.confirmed + number] as number
    }
    while (performance.now() < end) {
      const number = kills % 3
      await killOne(number)
      actors[number] = await start(number)
    }
    for (const number of actors.keys()) await killOne(number)
    try {
      mutex.lock()
    } catch (error) {
      expect(error).toBeInstanceOf(OwnerDiedError)
    }
    mutex.unlock()
    const [second, two, died] = [LEDGER.second, LEDGER.two, LEDGER.died].map((at) => words[at] as number)
    await annotate(`${kills} kills, ${died} of them of an owner; ${second} additions`)
    expect(two).toBe(0)
    expect(second).toBeGreaterThanOrEqual(confirmed)
    expect(second).toBeLessThanOrEqual(confirmed + kills)
  })

  test('a process of another PID namespace that is killed with the mutex is known to be dead', async ({
    skip,
  }) => {
    const unshare = ['unshare', '-Urpf', '--mount-proc', '--kill-child']
    skip(
      spawnSync('unshare', [...unshare.slice(1), 'true']).status !== 0,
      'no PID namespace can be made here',
    )
    const mutex = shop.mutex(LOCKS.mutex)
    const actor = await place.actor('shop', {}, ...unshare)
    await actor.ask('lock', LOCKS)
    expect(mutex.tryLock(60)).toBe(false)
    const there = shop.processes().find(({ slot }) => slot !== shop.slot)?.slot
    await actor.kill()
    while (shop.processes().some(({ slot }) => slot === there)) await turn()
    expect(() => mutex.tryLock()).toThrow(OwnerDiedError)
    mutex.unlock()
  })

  test('whatever is written over the locks, nobody crashes or waits for ever', async () => {
    const actors = await Promise.all([place.actor(), place.actor('shop', {}, ...NAPI)])
    const views = [shop.mutex(LOCKS.mutex).buffer, shop.cpuLock(LOCKS.cpuLock).buffer].map(
      (buffer) => new Int32Array(buffer, 64),
    )
    const running = new Set(actors)
    const ended = actors.map(async (actor) => {
      await actor.ask('lockOften', { ...LOCKS, times: 20_000 })
      running.delete(actor)
    })
    while (running.size > 0) {
      for (let i = 0; i < 100; i++) {
        for (const view of views) view[Math.floor(Math.random() * view.length)] = Math.random() * 2 ** 32
      }
      await turn()
    }
    await Promise.all(ended)
    expect(shop.objects()).toHaveLength(2)
  })
})
