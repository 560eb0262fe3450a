import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COUNT, type Ran, type Totals, count, environment, execute, totalByWc } from './cli/command.js'
import { fixtures } from './cli/texts.js'

interface Outcome extends Totals {
  files: number
  workers: number
  backend: string
  shares: (Totals & { cpu: number | null; files: number })[]
  failures: { path: string; reason: string }[]
  check: { equal: boolean; wc: Totals | null; reason: string | null } | null
}

function outcomeOf(ran: Ran): Outcome {
  return JSON.parse(ran.stdout) as Outcome
}

function totalsOf({ lines, words, bytes }: Totals): Totals {
  return { lines, words, bytes }
}

let root = ''
let tree = ''
let paths: string[] = []

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'rseq-cli-'))
  tree = join(root, 'tree')
  mkdirSync(join(tree, 'deeper', 'still deeper'), { recursive: true })
  paths = Object.entries(fixtures()).map(([name, content], i) => {
    const path = join(tree, ['', 'deeper', 'deeper/still deeper'][i % 3] as string, name)
    writeFileSync(path, content)
    return path
  })
  // What find -type f does not list: links, also to directories above.
  symlinkSync(paths[0] as string, join(tree, 'link'))
  symlinkSync(tree, join(tree, 'deeper', 'loop'))
})

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

/** A directory with a program in it, to be found first. */
function pathWith(name: string, script: string): string {
  const directory = mkdtempSync(join(root, 'bin-'))
  writeFileSync(join(directory, name), script)
  chmodSync(join(directory, name), 0o755)
  return `${directory}${delimiter}${process.env['PATH'] ?? ''}`
}

describe('the word counter', () => {
  it.each([
    { locale: 'C', workers: 2, env: {} },
    { locale: 'C.UTF-8', workers: 1, env: {} },
    { locale: 'C.UTF-8', workers: 2, env: {} },
    { locale: 'C.UTF-8', workers: 8, env: {} },
    { locale: 'C.UTF-8', workers: 2, env: { RSEQ_BACKEND: 'portable' } },
  ])('counts a directory as wc does: $locale, $workers workers, $env', async ({ locale, workers, env }) => {
    const ran = await count([tree, '--workers', `${workers}`, '--json', '--check'], {
      LC_ALL: locale,
      ...env,
    })
    expect(ran.stderr).toBe('')
    expect(ran.status).toBe(0)
    const outcome = outcomeOf(ran)
    const expected = totalByWc(paths, locale)
    expect(totalsOf(outcome)).toEqual(expected)
    expect(outcome).toMatchObject({ files: paths.length, workers, failures: [] })
    expect(outcome.check).toEqual({ equal: true, wc: expected, reason: null })
    // The shards hold it all.
    const sums = { lines: 0, words: 0, bytes: 0, files: 0 }
    for (const share of outcome.shares) {
      for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += share[key]
    }
    expect(sums).toEqual({ ...expected, files: paths.length })
  })

  it('prints totals, shares, speed and the check for people', async () => {
    const ran = await count([tree, '--check'])
    expect(ran.status).toBe(0)
    expect(ran.stderr).toBe('')
    expect(ran.stdout).toMatch(/^ {2}lines +[\d,]+\n {2}words +[\d,]+\n {2}bytes +[\d,]+\n {2}files +14\n/)
    expect(ran.stdout).toMatch(/\n {2}(CPU|shard) \d+ +[█▏▎▍▌▋▊▉]+ +\d+\.\d %/)
    expect(ran.stdout).toMatch(/files and \S+ \wB per second/)
    expect(ran.stdout).toMatch(/\nequal to wc: [\d,]+ lines, [\d,]+ words, [\d,]+ bytes\n$/)
    expect(ran.stdout).not.toContain('\x1b')
  })

  it('counts a file as often as it is named, and through a link that is named', async () => {
    const link = join(tree, 'link')
    const operands = [paths[0] as string, paths[0] as string, link]
    const ran = await count(['--json', '--check', ...operands])
    expect(ran.status).toBe(0)
    expect(outcomeOf(ran)).toMatchObject({ ...totalByWc(operands, 'C'), files: 3 })
  })

  it('reports what cannot be counted one by one, and counts the rest', async () => {
    const missing = join(root, 'missing')
    // A regular file that can be opened, but not be read at its beginning.
    const operands = [missing, paths[0] as string, '/proc/self/mem', '/dev/null', '-', 'a\x1b[31m', tree]
    const ran = await count(['--json', '--check', ...operands], { LC_ALL: 'C.UTF-8' })
    expect(ran.status).toBe(1)
    const reported = ran.stderr.trimEnd().split('\n')
    expect(reported).toHaveLength(5)
    expect(reported).toEqual(
      expect.arrayContaining([
        `count: ${missing}: no such file or directory`,
        expect.stringMatching(/^count: \/proc\/self\/mem: ./),
        'count: /dev/null: neither a regular file nor a directory',
        'count: -: standard input is not counted; a file of that name is ./-',
        'count: a\\u001b[31m: no such file or directory',
      ]),
    )
    const outcome = outcomeOf(ran)
    expect(outcome).toMatchObject({ ...totalByWc([paths[0] as string, ...paths], 'C.UTF-8'), files: 15 })
    expect(outcome.failures).toHaveLength(5)
    expect(outcome.check).toMatchObject({ equal: true })
  })

  it('refuses arguments that it does not know, and says what it accepts', async () => {
    const accepted = 'Expected an integer from 1 to 1024'
    const cases: [args: string[], message: string][] = [
      [[], "missing required argument 'file|directory'"],
      [['--bogus', 'x'], "unknown option '--bogus'"],
      [['--workers', '0', 'x'], `'--workers <n>' argument '0' is invalid. ${accepted}`],
      [['--workers', 'x', 'x'], `'--workers <n>' argument 'x' is invalid. ${accepted}`],
    ]
    const all = await Promise.all(cases.map(([args]) => count(args)))
    all.forEach((ran, i) => {
      expect(ran).toMatchObject({ status: 1, stdout: '' })
      expect(ran.stderr).toContain(cases[i]?.[1])
    })
  })

  it('is content with nothing to count but says what is missing', async () => {
    const ran = await count([join(root, 'missing')])
    expect(ran.status).toBe(1)
    expect(ran.stdout).toBe('  lines  0\n  words  0\n  bytes  0\n  files  0\n')
  })

  it('reports a directory that cannot be read', async (context) => {
    // The superuser reads them all, so it becomes nobody, who must be able to read this package.
    const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
    const open = mkdtempSync(join(tmpdir(), 'rseq-cli-'))
    try {
      writeFileSync(join(open, 'readable'), 'x\n')
      mkdirSync(join(open, 'closed'))
      chmodSync(join(open, 'closed'), 0)
      chmodSync(open, 0o755)
      const countAsNobody = (path: string): Promise<Ran> =>
        count(['--json', path], {}, { ...nobody, cwd: '/' })
      const able = await countAsNobody(join(open, 'readable')).catch(() => null)
      if (able?.status !== 0) context.skip()
      const ran = await countAsNobody(open)
      expect(ran.status).toBe(1)
      expect(ran.stderr).toBe(`count: ${join(open, 'closed')}: permission denied\n`)
      expect(outcomeOf(ran)).toMatchObject({ files: 1, bytes: 2 })
    } finally {
      rmSync(open, { recursive: true })
    }
  })

  it('tells a wc that counts otherwise', async () => {
    const wrong = pathWith(
      'wc',
      `#!/bin/sh\nPATH=${process.env['PATH'] ?? ''} wc "$@" | awk '{ $1 += 1; print }'\n`,
    )
    const [json, human] = await Promise.all([
      count(['--json', '--check', tree], { PATH: wrong, LC_ALL: 'C' }),
      count(['--check', tree], { PATH: wrong, LC_ALL: 'C' }),
    ])
    expect([json.status, human.status]).toEqual([1, 1])
    expect(outcomeOf(json).check).toMatchObject({
      equal: false,
      wc: { lines: totalByWc(paths, 'C').lines + 1 },
    })
    expect(human.stdout).toMatch(/\nnot equal to wc: the totals differ.* \(wc: .*\)\n$/)
  })

  it('compares in batches with a wc that takes names as arguments only', async () => {
    const refuse = 'case "$1" in --files0*) echo "wc: unrecognized option" >&2; exit 1;; esac'
    const old = pathWith('wc', `#!/bin/sh\n${refuse}\nPATH=${process.env['PATH'] ?? ''} exec wc "$@"\n`)
    const ran = await count(['--json', '--check', tree], { PATH: old })
    expect(ran.status).toBe(0)
    expect(outcomeOf(ran).check).toMatchObject({ equal: true })
  })

  it('passes on what wc complains about', async () => {
    const broken = pathWith('wc', '#!/bin/sh\necho "wc: out of order" >&2\nexit 3\n')
    const ran = await count(['--check', tree], { PATH: broken })
    expect(ran.status).toBe(1)
    expect(ran.stdout).toContain('\nnot compared with wc: wc: out of order\n')
  })

  it('says that there is no wc', async () => {
    const ran = await count(['--check', tree], { PATH: root })
    expect(ran.status).toBe(1)
    expect(ran.stdout).toContain('\nnot compared with wc: there is no wc on this machine\n')
  })

  it.each([
    ["throw new Error('planted')", 'count: a worker failed: planted\n'],
    ['process.exit(0)', 'count: a worker ended with status 0 before its work was done\n'],
  ])('ends with an error if one of its workers does: %s', async (deed, message) => {
    const preload = join(root, 'preload.cjs')
    writeFileSync(preload, `if (require('node:worker_threads').threadId === 2) ${deed}\n`)
    const ran = await count(['--workers', '4', tree], { NODE_OPTIONS: `--require "${preload}"` })
    expect(ran).toEqual({ status: 1, stdout: '', stderr: message })
  })

  it('shows progress and colours on a terminal, and respects NO_COLOR', async (context) => {
    // The program script runs another one on a terminal of its own.
    const script = spawnSync('script', ['--version'], { encoding: 'utf8' })
    if (script.status !== 0 || !script.stdout.includes('util-linux')) context.skip()
    const onTerminal = (env: Record<string, string>): Promise<Ran> =>
      execute('script', ['-qec', `"${process.execPath}" "${COUNT}" --check "${tree}"`, '/dev/null'], {
        env: environment({ TERM: 'xterm', ...env }),
      })
    const [coloured, plain] = await Promise.all([onTerminal({}), onTerminal({ NO_COLOR: '1' })])
    for (const ran of [coloured, plain]) {
      expect(ran.status).toBe(0)
      expect(ran.stdout).toMatch(/100 % {2}14 of 14 files/)
    }
    expect(coloured.stdout).toContain('\x1b[32mequal to wc')
    expect(plain.stdout).toContain('\nequal to wc')
  })
})
