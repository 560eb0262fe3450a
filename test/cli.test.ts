import { describe, expect, it } from 'vitest'
import { rseq } from './cli/command.js'

describe('rseq', () => {
  it('shows its version and its help with an example of each command', async () => {
    const [version, help] = await Promise.all([rseq(['--version']), rseq(['--help'])])
    expect(version).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
      stderr: '',
    })
    expect(help.status).toBe(0)
    for (const command of ['demo', 'info', 'verify', 'report', 'build'])
      expect(help.stdout).toContain(`\n  rseq ${command} `)
  })

  it('refuses what it does not know, naming it', async () => {
    const cases: [args: string[], message: string][] = [
      [['bogus'], "unknown command 'bogus'"],
      [['info', '--bogus'], "unknown option '--bogus'"],
    ]
    const all = await Promise.all(cases.map(([args]) => rseq(args)))
    all.forEach((ran, i) => {
      expect(ran).toMatchObject({ status: 1, stdout: '' })
      expect(ran.stderr).toContain(cases[i]?.[1])
    })
  })

  it('says what is wrong with the environment', async () => {
    const ran = await rseq(['info'], { RSEQ_BACKEND: 'bogus' })
    expect(ran).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^rseq: RSEQ_BACKEND: .*"bogus"\n$/) as string,
    })
  })
})

describe('rseq info', () => {
  it('describes the backend, and prints info() as JSON', async () => {
    const [human, json] = await Promise.all([rseq(['info']), rseq(['info', '--json'])])
    expect([human.status, json.status]).toEqual([0, 0])
    const seen = JSON.parse(json.stdout) as {
      backend: string
      tier: string
      registration: string
      possibleCpus: number
    }
    expect(human.stdout).toContain(`  backend        `)
    for (const value of [seen.backend, seen.tier, seen.registration])
      expect(human.stdout).toContain(` ${value}: `)
    expect(human.stdout).toMatch(new RegExp(`possible CPUs +${seen.possibleCpus}:`))
    expect(human.stdout).not.toContain('\x1b')
  })

  it('gives the reason for a fallback and what to do about it', async () => {
    const ran = await rseq(['info'], { RSEQ_BACKEND: 'portable' })
    expect(ran.status).toBe(0)
    expect(ran.stdout).toMatch(/why +RSEQ_BACKEND=portable\n +what to do +.*unset that variable/)
  })
})

describe('rseq verify', () => {
  it('explains what it saw, and its status says whether it passed', async () => {
    const human = await rseq(['verify'])
    const json = await rseq(['verify', '--json'])
    const seen = JSON.parse(json.stdout) as { passed: boolean; reason: string | null }
    expect(json.status).toBe(seen.passed ? 0 : 1)
    expect(seen.reason === null).toBe(seen.passed)
    expect(human.stdout).toMatch(human.status === 0 ? /\npassed: / : /failed: ./)
    if (human.status !== 0) return
    const parts = human.stdout.split('\n').map((line) => /^ {2}(\w+) /.exec(line)?.[1])
    expect(parts).toEqual(expect.arrayContaining(['signals', 'preemption', 'sections', 'control']))
  })

  it('fails with the reason where there are no sections', async () => {
    const ran = await rseq(['verify'], { RSEQ_BACKEND: 'portable' })
    expect(ran.status).toBe(1)
    expect(ran.stdout).toBe('failed: the portable backend has no sections: RSEQ_BACKEND=portable\n')
  })
})
