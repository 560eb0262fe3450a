/** The page of `rseq top --web`: who gets an answer, and what a browser shows. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:net'
import { type Browser, type Page, chromium } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ObjectSnapshot, ServiceSnapshot } from '../lib/inspect/index.js'
import { type WebView, serveWeb } from '../lib/web/server.js'

const EVIL = '<img src=x onerror="document.title=\'pwned\'">'

/** A counter of a service that is made up. */
function counter(name: string, total: number): ObjectSnapshot {
  const file = `${name}.counter.00000000`
  return {
    ...{ name, kind: 'counter', generation: '00000000', isRetired: false, file, bytes: 560, allocated: 4096 },
    ...{ made: '2026-01-01T00:00:00.000Z', content: 'counters', element: 'i64', length: 1 },
    ...{ total, perCpu: [total - 2, 1], overflow: 1, values: [total] },
  }
}

/** A service that is made up; each sample counts on. */
class Service {
  samples = 0
  problem = ''
  readonly names: readonly string[]

  constructor(names: readonly string[]) {
    this.names = names
  }

  readonly sample = (): ServiceSnapshot => {
    if (this.problem !== '') throw new Error(this.problem)
    this.samples++
    const process = { generation: 1, since: '2026-01-01T00:00:00.000Z' }
    return {
      ...{ format: 1, service: 'shop', path: '/dev/shm/rseq.shop', identity: '' },
      time: new Date().toISOString(),
      at: performance.now(),
      processes: [
        { slot: 1, pid: 4711, way: 'fast' as const, title: EVIL, living: true, ...process },
        { slot: 2, pid: 4712, way: 'fast' as const, title: 'worker', living: false, ...process },
      ],
      objects: this.names.map((name, i) => counter(name, 100 * (i + 1) + (i + 1) * this.samples)),
      problems: [],
    }
  }
}

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** One request, with headers that no browser would let a page choose. */
function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part: string) => (body += part))
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
      })
    })
    asked.on('error', reject).end()
  })
}

describe('the server', () => {
  let service: Service
  let web: WebView
  let origin: string
  let port: string
  beforeEach(async () => {
    service = new Service(['requests'])
    web = await serveWeb({ sample: service.sample, interval: 1000 })
    ;({ origin, port } = new URL(web.url))
  })
  afterEach(async () => {
    await web.close()
  })

  test('has a random token in its address', async () => {
    const other = await serveWeb({ sample: service.sample, interval: 1000 })
    const [mine, others] = [web.url, other.url].map((url) => new URL(url).pathname)
    await other.close()
    expect(mine).toMatch(/^\/[\w-]{32}\/$/)
    expect(others).not.toBe(mine)
  })

  test('gives its page and the snapshot, and forbids all that the page does not need', async () => {
    for (const name of ['', 'page.css', 'page.js', 'uplot.js', 'uplot.css', 'snapshot.json']) {
      const { status, headers } = await ask(web.url + name)
      expect(status, name).toBe(200)
      expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';")
      expect(headers['content-security-policy']).not.toContain('unsafe')
      expect(headers['x-content-type-options']).toBe('nosniff')
      expect(headers['referrer-policy']).toBe('no-referrer')
      expect(Object.keys(headers).filter((header) => header.startsWith('access-control'))).toEqual([])
    }
    const { snapshot } = JSON.parse((await ask(`${web.url}snapshot.json`)).body) as {
      snapshot: ServiceSnapshot
    }
    expect(snapshot.objects).toEqual([counter('requests', 101)])
  })

  test.each(['', 'x', 'A'.repeat(32), '%00', '..', 'é'])('has nothing under the token %j', async (token) => {
    const { status, body } = await ask(`${origin}/${token}/snapshot.json`)
    expect(status).toBe(404)
    expect(body).toBe('not here\n')
    expect(service.samples).toBe(0)
  })

  test.each([
    '../page.html',
    '%2e%2e/package.json',
    'page.html',
    'page.js/',
    'snapshot.json?x',
    'constructor',
  ])('has nothing else under its token: %s', async (name) => {
    expect((await ask(web.url + name)).status).toBe(404)
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'])('refuses %s', async (method) => {
    expect((await ask(`${web.url}snapshot.json`, {}, method)).status).toBe(405)
    expect(service.samples).toBe(0)
  })

  test('refuses other host names, as DNS rebinding has them', async () => {
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1.evil.example:${port}`,
    ]) {
      expect((await ask(`${web.url}snapshot.json`, { host })).status, host).toBe(403)
    }
    expect(service.samples).toBe(0)
    expect((await ask(`${web.url}snapshot.json`, { host: `localhost:${port}` })).status).toBe(200)
  })

  test('refuses pages of other origins and sites', async () => {
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'http://127.0.0.1:1' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]
    for (const headers of foreign) {
      expect((await ask(`${web.url}snapshot.json`, headers)).status, JSON.stringify(headers)).toBe(403)
    }
    expect(service.samples).toBe(0)
    const own: Record<string, string>[] = [
      { origin },
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
    ]
    for (const headers of own) {
      expect((await ask(`${web.url}snapshot.json`, headers)).status, JSON.stringify(headers)).toBe(200)
    }
  })

  test('listens on 127.0.0.1 only', async ({ skip }) => {
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    const [other] = addresses.filter(({ internal, family }) => !internal && family === 'IPv4')
    skip(other === undefined, 'this machine has no other address')
    const outcome = await new Promise((resolve) => {
      const socket = connect(Number(port), other?.address)
      socket.on('connect', () => {
        resolve('connected')
        socket.destroy()
      })
      socket.on('error', ({ code }: NodeJS.ErrnoException) => {
        resolve(code)
      })
    })
    expect(outcome).toBe('ECONNREFUSED')
  })

  test('reads the service once for pages that ask together', async () => {
    await Promise.all(Array.from({ length: 10 }, () => ask(`${web.url}snapshot.json`)))
    expect(service.samples).toBe(1)
  })

  test('says why the service cannot be read', async () => {
    service.problem = 'there is no service shop'
    const { status, body } = await ask(`${web.url}snapshot.json`)
    expect([status, body]).toEqual([503, 'there is no service shop\n'])
  })

  test('is gone when it is closed', async () => {
    const other = await serveWeb({ sample: service.sample, interval: 1000 })
    await other.close()
    await expect(ask(other.url)).rejects.toThrow('ECONNREFUSED')
  })
})

describe('rseq top --web', () => {
  const cli = join(import.meta.dirname, '..', 'lib', 'cli', 'main.js')
  let directory: string
  beforeEach(() => {
    // Nothing but a directory is needed: a reader from outside has no need of the native library.
    directory = mkdtempSync(join(tmpdir(), 'rseq-test-'))
    mkdirSync(join(directory, 'rseq.shop'))
  })
  afterEach(() => {
    rmSync(directory, { recursive: true })
  })

  test('prints an address that works until the command is interrupted', async () => {
    const command = spawn(process.execPath, [cli, 'top', 'shop', '--web', '--directory', directory])
    const ended = once(command, 'exit')
    const [printed] = (await once(command.stdout, 'data')) as [Buffer]
    const [url = ''] = /http:\S+/.exec(String(printed)) ?? []
    const { status, body } = await ask(`${url}snapshot.json`)
    expect(status).toBe(200)
    const { snapshot } = JSON.parse(body) as { snapshot: ServiceSnapshot }
    expect(snapshot).toMatchObject({ format: 1, service: 'shop', objects: [] })
    command.kill('SIGINT')
    expect(await ended).toEqual([0, null])
    await expect(ask(url)).rejects.toThrow('ECONNREFUSED')
  })

  test.each([
    [['top', 'none', '--web'], 'none'],
    [['top', 'shop', '--web', '--once'], "'--once' cannot be used with option '--web'"],
    [['top', 'shop', '--web', '--port', '70000'], 'Expected a whole number from 0 to 65535.'],
    [['top', 'shop', '--web', '--interval', 'soon'], 'Expected a whole number from 100 to 3600000.'],
  ])('%j is refused', (args, message) => {
    const { status, stderr } = spawnSync(process.execPath, [cli, ...args, '--directory', directory], {
      encoding: 'utf8',
      timeout: 200_000,
    })
    expect(stderr).toContain(message)
    expect(status).toBe(1)
  })

  test('says what to install where uplot is missing', () => {
    const without = join(import.meta.dirname, 'support', 'programs', 'without-package.cjs')
    const args = ['--require', without, cli, 'top', 'shop', '--web', '--directory', directory]
    const env = { ...process.env, WITHOUT: 'uplot' }
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 200_000, env })
    expect(stderr).toBe('rseq: --web needs the package uplot, which is not installed: npm install uplot\n')
    expect(status).toBe(1)
  })
})

describe('the page, in Chromium', () => {
  let browser: Browser | undefined
  let page: Page
  let web: WebView
  let service: Service
  const errors: string[] = []

  beforeAll(async () => {
    // Continuous integration does not install a browser: these tests run where there is one.
    if (!existsSync('/usr/bin/chromium')) return
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  })
  afterAll(async () => {
    await browser?.close()
  })

  beforeEach(async ({ skip }) => {
    skip(browser === undefined, 'there is no chromium here')
    errors.length = 0
    service = new Service(Array.from({ length: 1000 }, (_, i) => (i === 7 ? EVIL : `requests-${i}`)))
    web = await serveWeb({ sample: service.sample, interval: 200 })
    page = await (browser as Browser).newPage({ viewport: { width: 1100, height: 700 } })
    page.on('console', (message) => errors.push(message.text()))
    page.on('pageerror', ({ message }) => errors.push(message))
    await page.goto(web.url)
    await expect.poll(() => page.textContent('#state'), { timeout: 200_000 }).toBe('live')
  })
  afterEach(async () => {
    if (browser === undefined) return
    await page.close()
    await web.close()
  })

  const names = (): Promise<string[]> => page.locator('#rows .row > span:first-child').allTextContents()

  test('draws a thousand objects, but only the rows in sight, and follows them', async () => {
    expect(await page.textContent('#shown')).toBe('1000 of 1000 objects')
    expect((await names()).length).toBeLessThan(60)
    const total = (): Promise<string | null> =>
      page.locator('#rows .row > span:nth-child(3)').first().textContent()
    const rate = page.locator('#rows .row > span:nth-child(4)').first()
    await expect.poll(() => rate.textContent(), { timeout: 200_000 }).not.toBe('–')
    const before = await total()
    await expect.poll(total, { timeout: 200_000 }).not.toBe(before)
    expect(await page.locator('#chart canvas').count()).toBe(1)
    expect(await page.locator('#cpus .cpu').count()).toBe(3)
    expect(await page.locator('#rows .row').first().locator('.bars i').count()).toBe(3)
    await page.locator('#scroll').press('End')
    await expect.poll(async () => (await names()).includes('requests-0'), { timeout: 200_000 }).toBe(true)
    expect(errors).toEqual([])
  })

  test('sorts, filters, selects and pauses', async () => {
    await page.selectOption('#sort', 'name')
    await expect
      .poll(async () => (await names()).slice(1, 4))
      .toEqual(['requests-0', 'requests-1', 'requests-2'])
    await page.fill('#filter', 'requests-99')
    expect(await page.textContent('#shown')).toBe('11 of 1000 objects')
    expect(await names()).toHaveLength(11)
    await page.locator('#rows .row').nth(1).click()
    expect(await page.textContent('#selected')).toBe('requests-990 (counter)')
    await page.locator('#scroll').press('ArrowDown')
    expect(await page.textContent('#selected')).toBe('requests-991 (counter)')
    await page.click('#pause')
    expect(await page.textContent('#state')).toBe('paused')
    expect(errors).toEqual([])
  })

  test('shows the processes, and markup in names as text', async () => {
    const rows = await page.locator('#slots tr').allTextContents()
    expect(rows).toEqual([
      `14711lives2026-01-01T00:00:00.000Z${EVIL}`,
      '24712ended2026-01-01T00:00:00.000Zworker',
    ])
    await page.fill('#filter', 'img')
    expect(await names()).toEqual([EVIL])
    expect(await page.locator('img').count()).toBe(0)
    expect(await page.title()).toBe('shop – rseq top')
    expect(errors).toEqual([])
  })

  test('runs no script but its own: the policy of the page works', async () => {
    await page.evaluate(
      "document.body.append(Object.assign(document.createElement('script'), { textContent: 'document.title = 1' }))",
    )
    expect(await page.title()).toBe('shop – rseq top')
    expect(errors.join()).toContain('Content Security Policy')
  })

  test('has another look in the dark, with its chart', async () => {
    const ground = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor')
    const light = await ground()
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await ground()).not.toBe(light)
    expect(await page.locator('#chart canvas').count()).toBe(1)
    expect(errors).toEqual([])
  })

  test('says that the command has ended', async () => {
    await web.close()
    await expect.poll(() => page.textContent('#state'), { timeout: 200_000 }).toContain('no answer')
    web = await serveWeb({ sample: service.sample, interval: 200 })
  })

  test('is not to be read by a page of another site', async () => {
    const other = await serveWeb({ sample: service.sample, interval: 200 })
    const outcome = await page.evaluate(
      `fetch(${JSON.stringify(`${other.url}snapshot.json`)}).then(() => 'read', () => 'refused')`,
    )
    await other.close()
    expect(outcome).toBe('refused')
  })
})
