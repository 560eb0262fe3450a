/** A map as a store of keyv, and of cache-manager through keyv: keyv's own suite, and what it does not ask. */
// The suite depends on sqlite3 and a coverage tool, which it does not import: package.json puts a small package in their places.
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import { createCache } from 'cache-manager'
import Keyv, { type KeyvStoreAdapter } from 'keyv'
import { once } from 'node:events'
import * as vitest from 'vitest'
import { RegionCorruptError, SharedMap } from '../../lib/index.js'
import { KeyvSharedMap } from '../../lib/keyv/index.js'
import { startWorker } from '../support/team.mjs'

const { describe, expect, test } = vitest
const OPTIONS = { entries: 1000, bytes: 1 << 20 }

const newStore = (): KeyvSharedMap => new KeyvSharedMap(new SharedMap(OPTIONS))

// It has times to live of a second, which may be over before it looks if the machine is busy.
describe('@keyv/test-suite', { retry: 3 }, () => {
  const map = new SharedMap(OPTIONS)
  keyvTestSuite(vitest, Keyv, () => new KeyvSharedMap(map))
  describe('of iterators', () => {
    keyvIteratorTests(vitest, Keyv, () => new KeyvSharedMap(map))
  })
})

interface Hooks {
  run: () => Promise<void>
  name: string
}

/** Runs keyv's suite on a store, and returns the names of the tests that failed. */
async function failuresOf(store: () => KeyvSharedMap): Promise<string[]> {
  const before: Hooks['run'][] = []
  const tests: Hooks[] = []
  const collector = {
    expect,
    it: (name: string, body: (context: object) => unknown) =>
      tests.push({
        name,
        run: async () => {
          await body({ expect })
        },
      }),
    beforeEach: (run: Hooks['run']) => before.push(run),
    afterEach: () => undefined,
  }
  keyvTestSuite(collector as never, Keyv, store)
  const failed: string[] = []
  for (const { name, run } of tests) {
    for (const prepare of before) await prepare()
    await run().catch(() => failed.push(name))
  }
  expect(tests.length).toBeGreaterThan(30)
  return failed
}

describe('the suite', () => {
  test('refuses a store that forgets what it is given, or clears more than its namespace', async () => {
    class Forgets extends KeyvSharedMap {
      override set(): Promise<boolean> {
        return Promise.resolve(true)
      }
    }
    class ClearsAll extends KeyvSharedMap {
      override clear(): Promise<void> {
        this.namespace = undefined
        return super.clear()
      }
    }
    const map = new SharedMap(OPTIONS)
    expect(await failuresOf(() => new KeyvSharedMap(map))).toEqual([])
    expect(await failuresOf(() => new Forgets(map))).toContain('.set(key, value) sets a value')
    expect(await failuresOf(() => new ClearsAll(map))).toEqual([
      'namespaced clear only clears current namespace',
    ])
  })
})

describe('keyv over a map', () => {
  test('has the types that keyv wants, and takes nothing but a map', () => {
    const adapter: KeyvStoreAdapter = newStore()
    expect(adapter.opts).toEqual({ dialect: 'redis' })
    expect(new KeyvSharedMap(new SharedMap<string>(OPTIONS))).toBeInstanceOf(KeyvSharedMap)
    for (const wrong of [undefined, null, new Map(), OPTIONS])
      expect(() => new KeyvSharedMap(wrong as never)).toThrow(/^map: expected a SharedMap, got /)
  })

  test('keeps values without serialising, and tells many keys apart', async () => {
    const keyv = new Keyv({ store: newStore(), serialize: undefined, deserialize: undefined } as never)
    const value = new Map([[1, { at: new Date(5) }]])
    expect(await keyv.set('one', value)).toBe(true)
    expect(await keyv.get('one')).toEqual(value)
    const entries = [
      { key: 'two', value: 2n },
      { key: 'k'.repeat(5000), value: 'its key is too long' },
      { key: 'three', value: null },
    ]
    const errors: unknown[] = []
    keyv.on('error', (error: unknown) => errors.push(error))
    expect(await keyv.setMany(entries)).toEqual([true, false, true])
    expect(errors).toEqual([expect.any(RangeError)])
    expect(await keyv.getMany(['two', 'none', 'three'])).toEqual([2n, undefined, null])
    expect(await keyv.hasMany(['one', 'none', 'three'])).toEqual([true, false, true])
    expect(await keyv.deleteMany(['one', 'none'])).toBe(false)
    expect(await keyv.deleteMany(['two', 'three'])).toBe(true)
    expect(await keyv.hasMany(['one', 'two', 'three'])).toEqual([false, false, false])
  })

  test('gives the map the time to live in milliseconds, also one that no map takes', async () => {
    const map = new SharedMap({ ...OPTIONS, ttl: 7_000_000 })
    const keyv = new Keyv({ store: new KeyvSharedMap(map), namespace: 'n', throwOnErrors: true })
    const ttlOf = (key: string): number => map.entry(`n:${key}`)?.ttl ?? NaN
    await keyv.set('of the map', 1)
    await keyv.set('of the call', 1, 90_000_000.5)
    await keyv.set('without an end', 1, Infinity)
    // The map rounds the time up, twice. Nobody runs this test for an hour.
    const isAbout = (ttl: number, given: number): boolean => ttl <= given + 2 && ttl > given - 3_600_000
    expect([ttlOf('of the map'), isAbout(ttlOf('of the map'), 7_000_000)]).toEqual([expect.any(Number), true])
    expect([ttlOf('of the call'), isAbout(ttlOf('of the call'), 90_000_000)]).toEqual([
      expect.any(Number),
      true,
    ])
    expect(ttlOf('without an end')).toBe(Infinity)
    for (const wrong of [-1, NaN, '5'])
      await expect(keyv.set('wrong', 1, wrong as number)).rejects.toThrow(
        /^ttl: expected an integer from 0 to /,
      )
  })

  test('iterates over its namespace alone, and leaves keys of others when it is cleared', async () => {
    const map = new SharedMap(OPTIONS)
    const [pages, users, all] = ['pages', 'users', undefined].map(
      (namespace) => new Keyv({ store: new KeyvSharedMap(map), namespace } as never),
    ) as [Keyv, Keyv, Keyv]
    for (let k = 0; k < 20; k++) await Promise.all([pages.set(`p${k}`, k), users.set(`u${k}`, k)])
    map.set(Uint8Array.of(1), 'of no keyv')
    const found: string[] = []
    for await (const [key] of pages.iterator?.(undefined) ?? []) found.push(key as string)
    expect(found.sort()).toEqual(Array.from({ length: 20 }, (_, k) => `p${k}`).sort())
    await pages.clear()
    expect([await pages.get('p1'), await users.get('u1'), map.size]).toEqual([undefined, 1, 21])
    await all.clear()
    expect(map.size).toBe(0)
  })

  test('says what went wrong, and goes on as with a key that is not there', async () => {
    const map = new SharedMap(OPTIONS)
    const keyv = new Keyv({ store: new KeyvSharedMap(map) })
    const errors: unknown[] = []
    keyv.on('error', (error: unknown) => errors.push(error))
    map.set('keyv:key', { structured: true })
    const bytes = Buffer.from(map.buffer)
    bytes.fill(0xff, bytes.indexOf('structured'), bytes.indexOf('structured') + 10)
    expect(await keyv.get('key')).toBeUndefined()
    expect(errors).toEqual([expect.any(RegionCorruptError)])
    expect(await keyv.get('x'.repeat(5000))).toBeUndefined()
    await keyv.disconnect()
    await keyv.disconnect()
    expect(await keyv.get('key')).toBeUndefined()
    expect(errors.slice(1)).toEqual([expect.any(RangeError), expect.any(Error)])
    // Nobody listens to this one.
    await expect(new KeyvSharedMap(map).get('key')).rejects.toThrow(Error)
  })

  test('is one cache for two threads', async () => {
    const map = new SharedMap(OPTIONS)
    const keyv = new Keyv({ store: new KeyvSharedMap(map), namespace: 'pages' })
    await keyv.set('/', '<h1>hello</h1>', 600_000)
    const worker = startWorker('keyv-user', { buffer: map.buffer })
    const [messages] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
    expect(messages).toEqual(['<h1>hello</h1>'])
    expect(await keyv.get('/cart')).toEqual({ items: 2 })
  })
})

describe('cache-manager over a map', () => {
  const newCache = (map: SharedMap, others: Keyv[] = []): ReturnType<typeof createCache> =>
    createCache({
      stores: [...others, new Keyv({ store: new KeyvSharedMap(map), namespace: 'shared' })],
      ttl: 600_000,
    })

  test('stores, finds, expires and removes, one key and many', async () => {
    const cache = newCache(new SharedMap(OPTIONS))
    const heard: unknown[] = []
    cache.on('set', ({ key }) => heard.push(key))
    expect(await cache.set('a', { b: 1 }, 5000)).toEqual({ b: 1 })
    expect(heard).toContain('a')
    expect(await cache.get('a')).toEqual({ b: 1 })
    expect((await cache.ttl('a')) ?? 0).toBeGreaterThan(Date.now() - 60_000)
    await cache.mset([
      { key: 'c', value: 3 },
      { key: 'd', value: 4, ttl: 9000 },
    ])
    expect(await cache.mget(['a', 'c', 'none', 'd'])).toEqual([{ b: 1 }, 3, undefined, 4])
    await cache.del('a')
    await cache.mdel(['c'])
    expect(await cache.mget(['a', 'c', 'd'])).toEqual([undefined, undefined, 4])
    await cache.clear()
    expect(await cache.get('d')).toBeUndefined()
    await cache.disconnect()
  })

  test('wraps a computation whose value another cache over the map has, too', async () => {
    const map = new SharedMap(OPTIONS)
    const [one, other] = [newCache(map), newCache(SharedMap.from(map.buffer))]
    let computations = 0
    const compute = (): Promise<string> => Promise.resolve(`computed ${++computations}`)
    expect(await one.wrap('key', compute)).toBe('computed 1')
    expect(await other.wrap('key', compute)).toBe('computed 1')
    expect(computations).toBe(1)
  })

  test('is the second level behind a cache of the thread', async () => {
    const map = new SharedMap(OPTIONS)
    const first = new Keyv()
    await newCache(map).set('key', 'of another thread')
    const cache = newCache(map, [first])
    expect(await cache.wrap('key', () => Promise.reject(new Error('is not computed')))).toBe(
      'of another thread',
    )
    expect(await first.get('key')).toBe('of another thread')
  })
})
