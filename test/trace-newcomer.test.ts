/** The way of docs/tracing.md from the package to a picture: its programs and commands run, in its order, and the script draws. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { environment, execute, rseq } from './cli/command.js'
import { machineWithSectionsOr } from './support/machine.js'
import { decodePerfetto } from './support/perfetto.js'
import { WHY_NO_SHM } from './support/shared.js'

const ROOT = join(import.meta.dirname, '..')
const page = readFileSync(join(ROOT, 'docs/tracing.md'), 'utf8')
const way = page.slice(page.indexOf('## Ten minutes'), page.indexOf('## Fields'))
/** The files that the page lets its reader write, by their names. */
const programs = [...way.matchAll(/^```js\n\/\/ (\w+\.mjs)\n(.*?)^```$/gms)]
const commands = [...way.matchAll(/^npx rseq (.*)$/gm)].map(([, command = '']) => command)

/** Replaces a text that has to be there once. */
function replaced(text: string, from: string, to: string): string {
  expect(text.split(from)).toHaveLength(2)
  return text.replace(from, to)
}

describe.skipIf(WHY_NO_SHM !== '')('the way of a newcomer', { timeout: 120_000 }, () => {
  let directory: string
  let shop: string
  let service: ChildProcess | undefined
  beforeEach(async ({ skip }) => {
    await machineWithSectionsOr(skip)
    directory = mkdtempSync(join(tmpdir(), 'rseq-newcomer-'))
    shop = mkdtempSync('/dev/shm/rseq-newcomer-')
    mkdirSync(join(directory, 'node_modules'))
    symlinkSync(ROOT, join(directory, 'node_modules/rseq'))
  })
  afterEach(async () => {
    if (service !== undefined && service.exitCode === null && service.signalCode === null) {
      const ended = once(service, 'exit')
      service.kill('SIGKILL')
      await ended
    }
    for (const path of [directory, shop]) rmSync(path, { recursive: true, force: true })
  })

  test('ends with a picture, and with what was there when the service died', async () => {
    for (const [, name = '', text = ''] of programs) {
      const own =
        name === 'service.mjs'
          ? replaced(
              replaced(text, "openShared('shop')", `openShared('shop', { directory: '${shop}' })`),
              '.listen(8080)',
              '.listen(0, function () { process.send(this.address().port) })',
            )
          : text
      writeFileSync(join(directory, name), own)
    }
    service = fork(join(directory, 'service.mjs'), { cwd: directory })
    const [port] = (await once(service, 'message')) as [number]
    // A request ends when its answer is on its way: at the next one, it has ended.
    for (const page of [...Array.from({ length: 20 }, (_, k) => k % 8), 'last'])
      expect(await (await fetch(`http://127.0.0.1:${port}/${page}`)).text()).toBe('hello')
    const run = async (command: string): Promise<string> => {
      const ran = await rseq([...command.split(' '), '--directory', shop], {}, { cwd: directory })
      expect(ran).toMatchObject({ status: 0 })
      return ran.stdout
    }
    expect(commands.map((command) => command.split(' ').slice(0, 3).join(' '))).toEqual([
      ...['trace list shop', 'trace tail shop', 'trace export shop'],
    ])
    expect(await run('trace list shop')).toMatch(/^shop:request +info +on +span /m)
    await run(commands.at(-1) ?? '')
    const seen = decodePerfetto(readFileSync(join(directory, 'shop.pftrace')))
    const requests = seen.filter(
      ({ name, type, annotations }) =>
        name === 'shop:request' && type === 'begin' && annotations['url'] !== '/last',
    )
    expect(requests.map(({ isClosed }) => isClosed)).toEqual(Array.from({ length: 20 }, () => true))
    expect(seen.filter(({ name, type }) => name === 'shop:query' && type === 'end')).toHaveLength(9)
    expect(new Set(seen.map(({ titles }) => titles.thread))).toEqual(new Set(['main']))

    const ended = once(service, 'exit')
    service.kill('SIGKILL')
    await ended
    await run('trace export shop shop.json --format chrome')
    const picture = join(directory, 'shop.svg')
    const draw = [join(ROOT, 'scripts/draw-trace.mjs'), join(directory, 'shop.json'), picture]
    expect(await execute(process.execPath, draw, { env: environment() })).toMatchObject({ status: 0 })
    const svg = readFileSync(picture, 'utf8')
    // Each request and each query.
    for (const text of ['>shop:request<', '>shop:query<', '>shop:cache<', 'service.mjs'])
      expect(svg).toContain(text)
    expect(svg.match(/<rect [^>]*rx="2"/g)?.length).toBe(30)
    await run('rm shop --yes')
    expect(readdirSync(shop)).toEqual([])
  })

  test('has pictures of all that the script makes', () => {
    const shown = [...page.matchAll(/!\[[^\]]+\]\((trace-\w+\.svg)\)/g)].map(([, file = '']) => file)
    const script = readFileSync(join(ROOT, 'scripts/draw-trace.mjs'), 'utf8')
    const made = [...script.matchAll(/'docs\/(trace-\w+\.svg)'/g)].map(([, file = '']) => file)
    expect(shown.sort()).toEqual(made.sort())
    for (const file of made)
      expect(readFileSync(join(ROOT, 'docs', file), 'utf8')).toContain('>shop:request<')
  })
})
