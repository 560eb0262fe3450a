/** The commands that show services: names that are anybody's do not steer the terminal, and what cannot be read hides nothing. */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { info } from '../lib/index.js'
import { openShared } from '../lib/shared/index.js'
import { defineEvents } from '../lib/trace/index.js'
import { rseq } from './cli/command.js'

const CLI = fileURLToPath(new URL('../lib/cli/main.js', import.meta.url))
/** Escape sequences of one byte and of two, and marks that reorder text. */
const HOSTILE = 'x\x1b]0;pwned\x07\x1b[2J\u009b2J\u202e\u2066\u061c'
const STEERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f]/
const NOBODY = 65_534

describe('in a directory of anybody', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'rseq-hostile-'))
    for (const service of ['good', HOSTILE]) {
      const path = join(directory, `rseq.${service}`)
      mkdirSync(path)
      for (const kind of ['counter', 'ring', 'events', 'odd']) {
        writeFileSync(join(path, `${HOSTILE}.${kind}.0123abcd`), 'nothing')
      }
      writeFileSync(join(path, `${HOSTILE}.events.events.0123abcd`), '')
      writeFileSync(join(path, 'processes'), HOSTILE)
    }
  })
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true })
  })

  test.each([
    [['ls'], 0],
    [['ls', '--json'], 0],
    [['ls', HOSTILE], 0],
    [['ls', HOSTILE, '--json'], 0],
    [['ls', 'missing'], 1],
    [['top', HOSTILE, '--once'], 0],
    [['top', HOSTILE, '--once', '--json'], 0],
    [['top', 'missing', '--once'], 1],
    [['dump', 'good/missing'], 1],
    [['dump', `good/${HOSTILE}`], 1],
    [['trace', 'list', HOSTILE], 1],
    [['trace', 'export', HOSTILE, '-', '--format', 'json'], 1],
    [['rm', HOSTILE], 1],
    [['rm', HOSTILE, '--yes', '--force'], 0],
  ])('rseq %j prints names that steer nothing', async (args, status) => {
    const ran = await rseq([...args, '--directory', directory])
    expect(ran.stdout).not.toMatch(STEERS)
    expect(ran.stderr).not.toMatch(STEERS)
    expect(ran.status).toBe(status)
    expect(ran.stderr).not.toMatch(/^\s+at /m)
  })

  test('JSON keeps the names as they are', async () => {
    const { stdout } = await rseq(['ls', '--json', '--directory', directory])
    const services = JSON.parse(stdout) as { service: string; objects: { name: string }[] }[]
    expect(services.map(({ service }) => service)).toEqual(['good', HOSTILE])
    expect(services[0]?.objects[0]?.name).toBe(HOSTILE)
  })

  test('rseq ls lists the others beside a service that this user may not read', () => {
    const closed = join(directory, 'rseq.closed')
    cpSync(join(directory, 'rseq.good'), closed, { recursive: true })
    chmodSync(closed, 0)
    chmodSync(directory, 0o755)
    // Root may read everything, so that the command runs as nobody.
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
    const ran = spawnSync(process.execPath, [CLI, 'ls', '--directory', directory], {
      encoding: 'utf8',
      ...user,
    })
    expect(ran.stdout).toMatch(/^good /m)
    expect(ran.stderr).toMatch(/^rseq: EACCES.*rseq\.closed/m)
    expect(ran.status).toBe(0)
  })
})

describe.skipIf(info().backend !== 'native')('events with texts of anybody', () => {
  test.each(['json', 'chrome'])(
    'are exported as %s that steers nothing, and keep their texts',
    async (format) => {
      const directory = mkdtempSync('/dev/shm/rseq-hostile-')
      try {
        const service = openShared('texts', { directory })
        const trace = defineEvents('shop', { said: { fields: { text: 'string' } } }).open(service)
        trace.said(HOSTILE)
        const ran = await rseq([
          'trace',
          'export',
          'texts',
          '-',
          '--format',
          format,
          '--directory',
          directory,
        ])
        expect(ran.stdout).not.toMatch(STEERS)
        expect(ran.status).toBe(0)
        expect(ran.stdout).toContain('\\u009b')
        const [line = ''] = ran.stdout.split('\n')
        if (format === 'json')
          expect((JSON.parse(line) as { values: object }).values).toEqual({ text: HOSTILE })
        else expect(JSON.stringify(JSON.parse(ran.stdout))).toContain(JSON.stringify(HOSTILE))
      } finally {
        rmSync(directory, { recursive: true })
      }
    },
  )
})
