/** `rseq dump`: records of a ring that are read from outside, while its processes write, and after they died. */
import { cpSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RingFile, findObject } from '../lib/inspect/index.js'
import type { SharedDirectory } from '../lib/shared/index.js'
import { rseq } from './cli/command.js'
import { type Place, WHY_NO_SHM, useService } from './support/shared.js'

describe.skipIf(WHY_NO_SHM !== '')('rseq dump', () => {
  let place: Place
  let shop: SharedDirectory
  useService((made, opened) => {
    place = made
    shop = opened
  })

  const lookAt = (name: string): RingFile =>
    new RingFile(findObject(`shop/${name}`, 'ring', { directory: place.directory }))

  test('prints records as text, JSON and hex, and takes none', async () => {
    const before = Date.now()
    const ring = shop.ring('log', 4096)
    ring.write(Buffer.from('plain'))
    ring.write(Buffer.from('\x1b[2Jhostile'))
    const dump = (...args: string[]): ReturnType<typeof rseq> =>
      rseq(['dump', 'shop/log', '--directory', place.directory, ...args])
    const [text, json, hex] = await Promise.all([
      dump(),
      dump('--format', 'json', '--last', '1'),
      dump('--format', 'hex'),
    ])
    expect(text.stdout).toMatch(/^\d{4}-\S+Z cpu \d+ thread \d+: plain\n.*: \\x1b\[2Jhostile\n$/)
    expect(JSON.parse(json.stdout)).toMatchObject({
      text: '\x1b[2Jhostile',
      overflow: false,
      truncated: false,
    })
    const ms = Number(BigInt((JSON.parse(json.stdout) as { time: string }).time) / 1_000_000n)
    expect(ms).toBeGreaterThanOrEqual(before - 100)
    expect(ms).toBeLessThanOrEqual(Date.now() + 100)
    expect(hex.stdout).toContain('70 6c 61 69 6e')
    expect(ring.drain(() => undefined)).toBe(2)
  })

  test('sees each record of a flight recorder once, and says what it missed', () => {
    const ring = shop.ring('box', 4096, { policy: 'overwrite' })
    const file = lookAt('box')
    try {
      ring.write(Buffer.from('first'))
      expect(file.look().records.map(({ bytes }) => bytes.toString())).toEqual(['first'])
      expect(file.look().records).toEqual([])
      for (let k = 0; k < 1000; k++) ring.write(Buffer.from(`record ${k}`))
      const { records, lost, problems } = file.look()
      expect(problems).toEqual([])
      expect(lost).toBeGreaterThan(0)
      expect(records.length).toBeGreaterThan(10)
      expect(records.at(-1)?.bytes.toString()).toBe('record 999')
    } finally {
      file.close()
    }
  })

  test('reads a copy, whose ring may be damaged in any way', () => {
    const ring = shop.ring('log', 4096)
    for (let k = 0; k < 20; k++) ring.write(Buffer.from(`record ${k}`))
    const copy = mkdtempSync(join(tmpdir(), 'rseq-dump-'))
    try {
      cpSync(shop.path, copy, { recursive: true })
      const path = findObject(`${copy}/log`, 'ring')
      const whole = new RingFile(path)
      const seen = whole.look().records
      whole.close()
      expect(seen.map(({ bytes }) => bytes.toString())).toEqual(
        Array.from({ length: 20 }, (_, k) => `record ${k}`),
      )
      expect(seen.every(({ time }) => time !== null)).toBe(true)
      // Without samples of the clocks, nothing says what time a tick is.
      rmSync(join(copy, 'clock'))
      const original = new Uint8Array(ring.buffer)
      let damaged = 0
      for (let round = 0; round < 300; round++) {
        const bytes = Uint8Array.from(original)
        for (let at = round; at < bytes.length; at += 211) bytes[at] = (round * 7 + at) & 0xff
        writeFileSync(path, round % 3 === 0 ? Uint8Array.from(original) : bytes)
        if (round % 3 === 0) for (const file of [round % 9 === 0 ? 100 : 700]) truncateSync(path, file)
        const file = new RingFile(path)
        try {
          if (file.look().problems.length > 0) damaged++
        } catch (error) {
          expect((error as Error).message).toContain(path)
          damaged++
        } finally {
          file.close()
        }
      }
      expect(damaged).toBeGreaterThan(100)
    } finally {
      rmSync(copy, { recursive: true })
    }
  })

  test('refuses what there is not, and names what there is', async () => {
    shop.ring('log', 4096)
    expect(readdirSync(shop.path)).toContain('clock')
    const dump = (...args: string[]): ReturnType<typeof rseq> =>
      rseq(['dump', ...args, '--directory', place.directory])
    const all = await Promise.all([
      dump('shop/nothing'),
      dump('shop/log', '--last', '0'),
      dump('shop/log', '--since', 'soon'),
      dump('shop/log', '--format', 'xml'),
    ])
    const messages = [/'nothing'; it has log/, /1 or more/, /Expected a date/, /text, json, hex/]
    all.forEach(({ status, stderr }, k) => {
      expect(status).toBe(1)
      expect(stderr).toMatch(messages[k] as RegExp)
    })
  })
})
