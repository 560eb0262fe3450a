/** TypeScript programs that use the package, with no types around but the package's own. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type End, makeProject, run } from './support/project.js'

const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc')

const GOOD = `
import { CounterBatch, type LockOptions, Mutex, PerCpuCounter, PerCpuCounterArray, PerCpuLock, cpuId, info, type Info } from 'rseq'
import { PerCpuCounter as Bundled } from 'rseq/linux-x64'
import include from 'rseq/include'

const counter: PerCpuCounter = new PerCpuCounter({ type: 'f64' })
counter.add(0.5)
const array = new PerCpuCounterArray(10)
new CounterBatch(array, 16).increment(3)
const total: number = counter.value + array.get(3) + cpuId()
const seen: Info = info()
const options: LockOptions = { timeout: 5 }
export const locked: Promise<number> = new Mutex().runExclusive(() => Promise.resolve(1), options)
export const cpu: number = new PerCpuLock().runExclusive((cpu) => cpu)
export const totals: number[] = [...array]
export const all: [number, string | null, string, SharedArrayBuffer] = [total, seen.reason, include, Bundled.from(counter.buffer).buffer]
`
const BAD = `
import { PerCpuCounter } from 'rseq'
new PerCpuCounter({ type: 'i32' }).add('1')
`

async function check(source: string, settings: object, type = 'module'): Promise<End> {
  const cwd = makeProject()
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ name: 'program', private: true, type }))
  const compilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: false,
    types: [],
    target: 'es2022',
    lib: ['es2022'],
    esModuleInterop: true,
    ...settings,
  }
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
  writeFileSync(join(cwd, 'program.ts'), source)
  return run([TSC, '-p', '.'], { cwd })
}

test.each([
  ['node16', { module: 'node16', moduleResolution: 'node16' }],
  ['nodenext', { module: 'nodenext', moduleResolution: 'nodenext' }],
  ['bundler', { module: 'esnext', moduleResolution: 'bundler' }],
  ['node16, in CommonJS', { module: 'node16', moduleResolution: 'node16' }, 'commonjs'],
  ['nodenext, in CommonJS', { module: 'nodenext', moduleResolution: 'nodenext' }, 'commonjs'],
  [
    'node10, in CommonJS',
    { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '5.0' },
    'commonjs',
  ],
])('moduleResolution %s', async (_, settings, type = 'module') => {
  expect(await check(GOOD, settings, type)).toMatchObject({ status: 0, stdout: '' })
  const bad = await check(BAD, settings, type)
  expect(bad.status).not.toBe(0)
  expect(bad.stdout).toMatch(/TS2322[^]*TS2345/)
})
