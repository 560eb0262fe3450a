/** `rseq rm`, and who uses the objects that `rseq ls` lists. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type SharedDirectory, openShared } from '../lib/shared/index.js'
import { rseq } from './cli/command.js'
import { machineWithSectionsOr } from './support/machine.js'
import { type Actor, Place, WHY_NO_SHM } from './support/shared.js'
import { ProgramInTerminal } from './support/terminal.js'

const CLI = join(import.meta.dirname, '..', 'lib', 'cli', 'main.js')

describe('rseq rm, of a directory that no process uses', () => {
  let directory: string
  let path: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'rseq-test-'))
    path = join(directory, 'rseq.shop')
    mkdirSync(path)
    for (const file of [
      'a.counter.00000001',
      'a.counter.00000002',
      'a.counter.00000001.retired3',
      'b.ring.00000001',
    ]) {
      writeFileSync(join(path, file), 'x')
    }
    for (const file of ['clock', 'creating', 'compacting', 'starting-12-0123456789abcdef']) {
      writeFileSync(join(path, file), '')
    }
  })
  afterEach(() => {
    rmSync(directory, { recursive: true })
  })

  const rm = (...args: string[]): ReturnType<typeof rseq> =>
    rseq(['rm', ...args, '--directory', directory], {}, { stdio: 'pipe' })

  test('removes all files of the layout and the directory, and says which and how much', async () => {
    const { status, stdout, stderr } = await rm('shop', '--yes')
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^removed a\.counter\.00000001 +4 KiB\n/)
    expect(stdout).toMatch(/\n8 files, 16 KiB\n$/)
    expect(existsSync(path)).toBe(false)
  })

  test('removes all generations of one object, or one of them', async () => {
    expect((await rm('shop/a', '--generation', '00000001', '--yes')).stdout).toContain('\n2 files, 8 KiB\n')
    expect(readdirSync(path)).not.toContain('a.counter.00000001.retired3')
    expect((await rm('shop/a', '--yes')).stdout).toContain('\n1 file, 4 KiB\n')
    expect((await rm(`${path}/b.ring.00000001`, '--yes')).stdout).toContain('\n1 file, 4 KiB\n')
    expect(readdirSync(path)).toEqual(['clock', 'compacting', 'creating', 'starting-12-0123456789abcdef'])
  })

  test('leaves what is not of the layout: other files, links, directories', async () => {
    const outside = join(directory, 'outside')
    writeFileSync(outside, 'x')
    writeFileSync(join(path, 'notes.txt'), 'x')
    symlinkSync(outside, join(path, 'c.counter.00000001'))
    mkdirSync(join(path, 'd.counter.00000001'))
    const { status, stderr } = await rm('shop', '--yes')
    expect(status).toBe(1)
    expect(stderr).toContain("stays: 3 entries are not rseq's")
    expect(readdirSync(path)).toEqual(['c.counter.00000001', 'd.counter.00000001', 'notes.txt'])
    expect(existsSync(outside)).toBe(true)
  })

  test('refuses links to directories, and directories that are none of a service', async () => {
    symlinkSync(path, join(directory, 'rseq.link'))
    const link = await rm('link', '--yes')
    expect(link.stderr).toContain('expected a directory, and no link to one')
    const other = join(directory, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'clock'), 'x')
    const foreign = await rm(other, '--yes')
    expect(foreign.stderr).toContain('expected a directory of a service')
    expect([link.status, foreign.status]).toEqual([1, 1])
    expect(readdirSync(other)).toEqual(['clock'])
    expect(readdirSync(path)).toHaveLength(8)
  })

  test('refuses what belongs to another user', async ({ skip }) => {
    skip(process.getuid?.() !== 0, 'only root can give a file away')
    chownSync(join(path, 'b.ring.00000001'), 12_345, 12_345)
    const object = await rm('shop/b', '--yes')
    expect(object.stderr).toContain('there is no file of that object that this user may remove')
    chmodSync(path, 0o755)
    chownSync(path, 12_345, 12_345)
    const all = await rm('shop', '--yes')
    expect(all.stderr).toMatch(/belongs to user 12345, and this process is user 0/)
    expect([object.status, all.status]).toEqual([1, 1])
    expect(readdirSync(path)).toHaveLength(8)
  })

  test.each([
    [['none'], "a service 'none'"],
    [['shop/none', '--yes'], 'there is no file of that object'],
    [['shop', '--generation', '00000001', '--yes'], '--generation is for one object'],
    [['shop'], 'the input is no terminal, so nobody can be asked; give --yes'],
    [['shop', '--bogus'], "unknown option '--bogus'"],
    [[], "missing required argument 'target'"],
  ])('%j is refused', async (args, message) => {
    const { status, stdout, stderr } = await rm(...args)
    expect(stderr).toContain(message)
    expect([status, stdout]).toEqual([1, ''])
    expect(readdirSync(path)).toHaveLength(8)
  })

  test('asks, and takes only yes for yes', async () => {
    const ask = async (answer: string): Promise<string> => {
      const command = [process.execPath, CLI, 'rm', 'shop', '--directory', directory]
      const program = new ProgramInTerminal(command, 120, 20)
      await program.until((text) => text.includes('Remove 8 files, 16 KiB, of') && text.includes('[y/N]'))
      program.type(`${answer}\r`)
      const { status } = await program.ended
      return `${status} ${program.text}`
    }
    expect(await ask('')).toMatch(/^1 [^]*nothing was removed/)
    expect(readdirSync(path)).toHaveLength(8)
    expect(await ask('y')).toMatch(/^0 [^]*8 files, 16 KiB/)
    expect(existsSync(path)).toBe(false)
  })
})

describe.skipIf(WHY_NO_SHM !== '')('of a service of processes', () => {
  let place: Place
  let shop: SharedDirectory
  let actor: Actor
  beforeEach(async ({ skip }) => {
    await machineWithSectionsOr(skip)
    place = new Place()
    actor = await place.actor('shop')
    await actor.ask('add', { counter: 'theirs', delta: 1 })
    shop = openShared('shop', { directory: place.directory })
  })
  afterEach(async () => {
    await place.end()
  })

  const run = (...args: string[]): ReturnType<typeof rseq> => rseq([...args, '--directory', place.directory])

  test('rseq ls shows who uses each object', async () => {
    const both = shop.counter('both')
    await actor.ask('add', { counter: 'both', delta: 1 })
    const used = async (): Promise<unknown> => {
      const { objects } = JSON.parse((await run('ls', 'shop', '--json')).stdout) as {
        objects: { name: string; users: unknown }[]
      }
      return objects.map(({ name, users }) => [name, users])
    }
    const pids = [process.pid, actor.pid].sort((one, other) => one - other)
    expect(await used()).toEqual([
      ['both', { isUsed: true, pids }],
      ['theirs', { isUsed: true, pids: [actor.pid] }],
    ])
    const text = (await run('ls', 'shop')).stdout
    expect(text).toMatch(new RegExp(`^both .* ${pids.join(', ')} +total 1$`, 'm'))
    await actor.kill()
    expect(await used()).toEqual([
      ['both', { isUsed: true, pids: [process.pid] }],
      ['theirs', { isUsed: false, pids: [] }],
    ])
    expect((await run('ls', 'shop')).stdout).toMatch(/^theirs .* nobody +total 1$/m)
    expect(both.value).toBe(1)
  })

  test('rseq rm refuses what living processes use, and removes the rest', async () => {
    const all = await run('rm', 'shop', '--yes')
    expect(all.stderr).toContain('2 living processes use shop')
    const one = await run('rm', 'shop/theirs', '--yes')
    expect(one.stderr).toMatch(new RegExp(`theirs\\.counter\\.\\w+: it is in use by ${actor.pid};`))
    expect([all.status, one.status]).toEqual([1, 1])
    await actor.kill()
    expect((await run('rm', 'shop/theirs', '--yes')).status).toBe(0)
    expect(shop.objects()).toEqual([])
    expect((await run('rm', 'shop', '--yes')).stderr).toContain('a living process uses shop')
    expect((await run('rm', 'shop', '--yes', '--force')).status).toBe(0)
    expect(existsSync(shop.path)).toBe(false)
  })
})
