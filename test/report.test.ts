// `rseq report`: what is on its page, and what must not be.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { homedir, hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { anonymous, anonymousData } from '../lib/cli/report/anonymous.js'
import { type ReportData, isRight } from '../lib/cli/report/page.js'
import { info } from '../lib/index.js'
import { rseq } from './cli/command.js'

describe('what says whose machine it was', () => {
  const hidden = {
    directories: ['/home/jane doe/app', '/home/jane doe', '/tmp'],
    names: ['db-7.corp.example', 'db-7', 'jane'],
  }

  test.each([
    ['no library in /home/jane doe/app/node_modules/rseq/x.node: ENOENT', 'no library in (a path): ENOENT'],
    [
      "looked for '/opt/x/y.node', (/srv/z) and file:///a/b.js:3",
      "looked for '(a path)', ((a path)) and file:(a path):3",
    ],
    ['C:\\Users\\jane\\x.node is missing', '(a path) is missing'],
    ['Jane asked db-7, not db-77 or janet', '(a name) asked (a name), not db-77 or janet'],
    ['on db-7.corp.example', 'on (a name)'],
    ['/tmp', '(a path)'],
    [
      'rseq/prom-client inc(), 3 / 4 of RSEQ_BACKEND=portable',
      'rseq/prom-client inc(), 3 / 4 of RSEQ_BACKEND=portable',
    ],
    ['AMD EPYC 7B13 @ 2.45GHz', 'AMD EPYC 7B13 @ 2.45GHz'],
  ])('%j', (text, left) => {
    expect(anonymous(text, hidden)).toBe(left)
  })

  test('is taken out of all texts of some data', () => {
    const data = { reason: 'jane', rows: [{ name: '/tmp/x', ns: 3 }, null] }
    expect(anonymousData(data, hidden)).toEqual({
      reason: '(a name)',
      rows: [{ name: '(a path)', ns: 3 }, null],
    })
  })
})

/** The words of a page by which its writer could be found. */
function traitorsIn(page: string): string[] {
  const words = [hostname(), userInfo().username, homedir(), process.cwd(), tmpdir()]
  return words.filter((word) => new RegExp(`(?<![\\w])${word.replace(/[.+]/g, '\\$&')}(?![\\w])`).test(page))
}

/** What a page has for programs. */
function dataOf(page: string): ReportData {
  const [, json = ''] = /```json\n(.*)\n```/s.exec(page) ?? []
  return JSON.parse(json) as ReportData
}

describe('a report', () => {
  test('has proof and costs of this machine, and no name or path', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rseq-report-'))
    const file = join(directory, 'page.md')
    try {
      const ran = await rseq(['report', '--seconds', '2', '--output', file])
      expect(ran).toMatchObject({ status: 0, stdout: '' })
      const page = readFileSync(file, 'utf8')
      const { backend, tier, node, platform, possibleCpus } = info()
      const data = dataOf(page)
      expect(data.machine.info).toMatchObject({ backend, tier, node, platform, possibleCpus })
      expect(data.proof.passed).toBe(backend === 'native')
      expect(isRight(data)).toBe(true)
      expect(data.demo.threads).toMatchObject({ exact: true })
      expect(page).toMatch(/\n\| rseq counter\.add\(1\) \| [\d.]+ ns \|/)
      expect(page).toContain('all was right')
      expect(traitorsIn(page)).toEqual([])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('of the portable backend says why, without the path that the reason names', async () => {
    const reason = join(process.cwd(), 'secret', 'missing.node')
    const ran = await rseq(['report', '--seconds', '1', '--output', '-'], {
      RSEQ_BACKEND: 'portable',
      RSEQ_BINARY: reason,
    })
    expect(ran.status).toBe(0)
    expect(dataOf(ran.stdout).machine.info.backend).toBe('portable')
    expect(ran.stdout).toContain('not run: ')
    expect(ran.stdout).not.toContain('secret')
    expect(traitorsIn(ran.stdout)).toEqual([])
  })

  test('says that something was wrong', () => {
    const data = (passed: boolean, backend: string, demo: boolean) =>
      ({ proof: { passed }, machine: { info: { backend } }, demo: { passed: demo } }) as unknown as ReportData
    expect(isRight(data(true, 'native', true))).toBe(true)
    expect(isRight(data(false, 'portable', true))).toBe(true)
    expect(isRight(data(false, 'native', true))).toBe(false)
    expect(isRight(data(true, 'native', false))).toBe(false)
  })

  test('refuses options that it does not know', async () => {
    const ran = await rseq(['report', '--seconds', '0'])
    expect(ran).toMatchObject({ status: 1, stdout: '' })
    expect(ran.stderr).toContain('--seconds')
  })
})
