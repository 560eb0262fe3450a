/** `rseq trace enable`: filters and limits that another process sets in the files of a service. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type SharedDirectory, openShared } from '../lib/shared/index.js'
import { defineEvents } from '../lib/trace/index.js'
import { rseq } from './cli/command.js'
import { machineWithSectionsOr } from './support/machine.js'
import { Place, WHY_NO_SHM } from './support/shared.js'

const web = defineEvents('web', {
  'http:end': { level: 'debug', fields: { bytes: 'u32', ms: 'f64', state: { enum: ['hit', 'miss'] } } },
  'http:start': { level: 'debug', fields: { url: 'string' } },
  failed: { level: 'error', fields: { bytes: 'u32' } },
})

describe.skipIf(WHY_NO_SHM !== '')('rseq trace enable', () => {
  let place: Place
  let shop: SharedDirectory
  beforeEach(async ({ skip }) => {
    await machineWithSectionsOr(skip)
    place = new Place()
    shop = openShared('shop', { directory: place.directory })
  })
  afterEach(async () => {
    await (place as Place | undefined)?.end()
  })
  const enable = (...args: string[]): ReturnType<typeof rseq> =>
    rseq(['trace', 'enable', 'shop', ...args, '--directory', place.directory])

  test('sets a filter of the events that have its fields, and leaves the others as they are', async () => {
    const trace = web.open(shop)
    const end = trace['http:end']
    expect(await enable('http:*', '--filter', 'bytes > 1000 && state == miss')).toMatchObject({
      status: 0,
      stdout: 'On: web:http:end\n',
    })
    expect([end(1000, 1, 'miss'), end(1001, 1, 'hit'), end(1001, 1, 'miss')]).toEqual([false, false, true])
    expect(trace['http:start']('/')).toBe(false)
    const { stdout } = await rseq(['trace', 'list', 'shop', '--directory', place.directory])
    expect(stdout).toMatch(/^web:http:end +debug +bytes > 1000 && state == miss +event/m)
    await enable('*', '--filter', 'bytes < 5', '--per-second', '1000', '--sample', '2', '--level', 'error')
    expect(trace.events().map(({ state }) => state)).toEqual([
      'bytes > 1000 && state == miss',
      'off',
      'bytes < 5, 1 in 2, 1000 a second',
    ])
    expect([5, 4, 3, 2, 1].map((bytes) => trace.failed(bytes))).toEqual([false, false, true, false, true])
  })

  test('refuses what is no filter, and changes nothing', async () => {
    const trace = web.open(shop)
    for (const [filter, error] of [
      ['bytes >', 'filter: expected 1 to 8 comparisons'],
      ['url == 1', 'filter: expected numbers, booleans and enums; url is of the type string'],
      ['seconds > 1', 'filter: expected fields that one of the events has together'],
      ['bytes > process.exit()', 'filter: expected a number'],
    ] as const) {
      const { status, stderr } = await enable('*', '--filter', filter)
      expect(status).toBe(1)
      expect(stderr).toContain(error)
    }
    for (const rate of ['0', '1048576', '1.5', 'x']) {
      expect((await enable('*', '--per-second', rate)).stderr).toContain('a whole number from 1 to 1048575')
    }
    expect(trace.events().map(({ state }) => state)).toEqual(['off', 'off', 'on'])
  })
})
