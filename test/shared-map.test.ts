/** A map in memory that processes share: real processes, which are killed within their calls. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Keyv from 'keyv'
import { describe, expect, test } from 'vitest'
import { readService } from '../lib/inspect/index.js'
import { KeyvSharedMap } from '../lib/keyv/index.js'
import type { SharedDirectory } from '../lib/shared/index.js'
import { expectWhole } from './support/map.js'
import { type Place, WHY_NO_SHM, useService } from './support/shared.js'

const PROGRAM = fileURLToPath(new URL('support/programs/map-process.mjs', import.meta.url))
const WITH_KEYV = fileURLToPath(new URL('support/programs/keyv-process.mjs', import.meta.url))
/** So small that entries are evicted all the time. */
const OPTIONS = { entries: 400, bytes: 1 << 18 }

describe.skipIf(WHY_NO_SHM !== '')('a map of processes', () => {
  let place: Place
  let shop: SharedDirectory
  useService((made, opened) => {
    place = made
    shop = opened
  })

  function start(does: 'use' | 'compute', slot = 0): ChildProcess {
    const input = JSON.stringify({ directory: place.directory, options: OPTIONS, does, slot })
    return spawn(process.execPath, [PROGRAM, input], { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  /** Waits until a process has said something so many times. */
  async function said(child: ChildProcess, times: number): Promise<void> {
    let length = 0
    await new Promise<void>((resolve, reject) => {
      // It goes on to be read: a process that cannot write ends by itself.
      child.stdout?.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length >= times) resolve()
      })
      child.once('exit', (code) => {
        reject(new Error(`a process ended with ${code} after ${length} characters`))
      })
    })
  }

  async function kill(child: ChildProcess): Promise<void> {
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  test('is whole after three of them were killed in the middle of it, again and again', async () => {
    const map = shop.map<string | number>('cache', OPTIONS)
    for (let round = 0; round < 3; round++) {
      const children = [0, 1, 2].map((slot) => start('use', slot))
      for (const child of children) {
        await said(child, 1 + Math.floor(Math.random() * 5))
        await kill(child)
      }
      expect(map.get('wrong')).toBeUndefined()
      // Each part is made whole by who first writes to it.
      for (let k = 0; k < 300; k++) map.set(`key${k}`, `key${k}/0/`.padEnd(100, '0'))
      expectWhole(map)
      for (let k = 0; k < 300; k++) map.delete(`key${k}`)
    }
  })

  test('computes anew what a process was computing when it was killed', async () => {
    const map = shop.map('cache', OPTIONS)
    const child = start('compute')
    await said(child, 1)
    const value = map.fetch('computed', () => 'by this process')
    await kill(child)
    expect(await value).toBe('by this process')
    expect(map.statistics().waits).toBe(0)
  })

  test('is one cache for keyv in two processes', async () => {
    const keyv = new Keyv({ store: new KeyvSharedMap(shop.map('cache', OPTIONS)), namespace: 'pages' })
    await keyv.set('/', '<h1>hello</h1>')
    const input = JSON.stringify({ directory: place.directory, options: OPTIONS })
    expect(execFileSync(process.execPath, [WITH_KEYV, input], { encoding: 'utf8' })).toBe('<h1>hello</h1>\n')
    expect(await keyv.get('/cart')).toEqual({ items: 2 })
  })

  test('is one object by its name and options, and shows what it counts from outside', () => {
    const map = shop.map('cache', OPTIONS)
    map.set('key', { a: 1 })
    map.get('key')
    map.get('nothing')
    const same = shop.map('cache', OPTIONS)
    expect(same.get('key')).toEqual({ a: 1 })
    expect(same.statistics().entries).toBe(1)
    expect(shop.map('cache', { ...OPTIONS, ttl: 5 }).get('key')).toBeUndefined()
    expect(map.statistics()).toMatchObject({ hits: 2, misses: 1 })
    const { objects } = readService({ service: 'shop', path: shop.path })
    const seen = objects.find((object) => object.content === 'map' && object.ttl === 0)
    expect(objects).toHaveLength(2)
    expect(seen).toMatchObject({
      ...{ content: 'map', kind: 'map', total: 3, capacity: 400, ttl: 0, entries: 1 },
      ...{ hits: 2, misses: 1, evictions: 0, waits: 0, repairs: 0 },
    })
  })
})
