/** Test runners, compilers and tracers of dependencies, as users of the package have them. */
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fetchNode, isPacked } from '../../scripts/node-versions.mjs'
import { type End, run, smoke, temporary } from './support/project.js'
import { makeRunnersProject } from './support/runners.js'

/** `require()` takes ES modules since 20.19. */
const FIRST_NODE = { major: 20, version: '20.0.0', abi: 115 }

/** What a project has that was set up before TypeScript knew of `exports` in package.json. */
const OLD_SETTINGS = {
  compilerOptions: {
    module: 'commonjs',
    moduleResolution: 'node10',
    target: 'es2022',
    strict: true,
    esModuleInterop: true,
    types: ['node'],
    ignoreDeprecations: '5.0',
  },
}

/** A project with all runners, in CommonJS as most are. */
function makeProject(): string {
  const project = makeRunnersProject()
  writeFileSync(join(project, 'package.json'), '{ "name": "service", "private": true }\n')
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(OLD_SETTINGS))
  return project
}

/** Runs a program in the project; its tests may share memory. */
function runIn(project: string, args: string[]): Promise<End> {
  const shared = mkdtempSync('/dev/shm/rseq-runners-')
  onTestFinished(() => {
    rmSync(shared, { recursive: true, force: true })
  })
  return run(args, {
    cwd: project,
    env: { NO_COLOR: '1', SHARED_DIRECTORY: shared, EXPECTED_BACKEND: 'native' },
  })
}

const JEST = ['node_modules/jest/bin/jest.js', '--rootDir=.', '--no-cache', '--coverage=false']
const MOCHA = 'node_modules/mocha/bin/mocha.js'

test.each([
  ['Jest', 'globals', '.js', JEST, /Tests: +5 passed, 5 total/],
  ['Jest, in jsdom', 'globals', '.js', [...JEST, '--env=jsdom'], /Tests: +5 passed, 5 total/],
  ['Jest, with ts-jest', 'types', '.ts', [...JEST, '--preset=ts-jest'], /Tests: +2 passed, 2 total/],
  ['Mocha', 'globals', '.js', [MOCHA], /5 passing/],
  ['Mocha, with ts-node', 'types', '.ts', [MOCHA, '--require=ts-node/register'], /2 passing/],
  ['Mocha, with tsx', 'types', '.ts', ['--import=tsx', MOCHA], /2 passing/],
  ['node:test', 'node', '.js', ['--test'], /^# pass 5$/m],
  ['vitest', 'modules', '.mjs', ['node_modules/vitest/vitest.mjs', 'run'], /Tests +5 passed/],
] as const)('%s', async (_, name, extension, args, passed) => {
  const project = makeProject()
  const made = { '.js': '.cjs', '.ts': '.ts', '.mjs': '.mjs' }[extension]
  renameSync(join(project, `${name}.test${made}`), join(project, `rseq.test${extension}`))
  for (const other of ['globals.test.cjs', 'node.test.cjs', 'modules.test.mjs', 'types.test.ts'])
    rmSync(join(project, other), { force: true })
  const { status, stdout, stderr } = await runIn(project, [...args, `rseq.test${extension}`])
  expect({ status, text: stdout + stderr }).toEqual({
    status: 0,
    text: expect.stringMatching(passed) as string,
  })
})

test('a check that does not hold fails in Jest', async () => {
  const project = makeProject()
  writeFileSync(join(project, 'checks.cjs'), "exports['is wrong'] = () => { throw new Error('wrong') }\n")
  renameSync(join(project, 'globals.test.cjs'), join(project, 'rseq.test.js'))
  const { status, stderr } = await runIn(project, [...JEST, 'rseq.test.js'])
  expect([status, stderr]).toEqual([1, expect.stringMatching(/Tests: +1 failed/)])
})

test.skipIf(!isPacked(FIRST_NODE))(
  'require() and import of Node 20.0 have one copy of the library',
  async () => {
    const project = makeProject()
    const node = join(fetchNode(FIRST_NODE), 'bin', 'node')
    const { counted, expected, main } = await smoke('cjs.cjs', { cwd: project, node })
    expect([counted, main.backend]).toEqual([expected, 'native'])
    writeFileSync(
      join(project, 'both.cjs'),
      `const [rseq, client] = [require('rseq'), require('rseq/prom-client')]
     Promise.all([import('rseq'), import('rseq/prom-client')]).then(([module, { default: other }]) => {
       console.log(module.PerCpuCounter === rseq.PerCpuCounter, other.register === client.register)
     })`,
    )
    for (const options of [{ node }, {}])
      expect(await run(['both.cjs'], { cwd: project, ...options })).toMatchObject({
        status: 0,
        stdout: 'true true\n',
      })
  },
)

test.each(['rseq', 'rseq/metrics', 'rseq/prom-client'])(
  '@vercel/nft finds all that a program with %s needs',
  async (name) => {
    const project = makeProject()
    for (const [file, text] of [
      ['program.mjs', `import '${name}'\nimport { info } from 'rseq'\nconsole.log(info().tier)\n`],
      ['program.cjs', `require('${name}')\nconsole.log(require('rseq').info().tier)\n`],
    ] as const) {
      writeFileSync(join(project, file), text)
      writeFileSync(
        join(project, 'trace.mjs'),
        `import { nodeFileTrace } from '@vercel/nft'
         const { fileList } = await nodeFileTrace(['${file}'])
         console.log(JSON.stringify([...fileList]))`,
      )
      const traced = await run(['trace.mjs'], { cwd: project })
      const files = JSON.parse(traced.stdout) as string[]
      // A copy of what was found, and nothing else, has to run as the project does.
      const copy = temporary()
      for (const found of files) {
        mkdirSync(dirname(join(copy, found)), { recursive: true })
        copyFileSync(join(project, found), join(copy, found))
      }
      const [there, here] = await Promise.all([project, copy].map((cwd) => run([file], { cwd })))
      expect(here).toEqual(there)
      expect(here).toMatchObject({ status: 0, stderr: '' })
      const other = files.filter((found) => found.endsWith('.node') && !found.includes(`-${process.arch}/`))
      expect(other).toEqual([])
    }
  },
)
