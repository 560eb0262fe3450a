/** The place of the package: a directory without write permission; two copies in one process. */
import { chmodSync, cpSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { machineWithSectionsOr } from '../support/machine.js'
import { makeProject, run, smoke, temporary } from './support/project.js'

const NOBODY = 65534

/** Everything below a directory, with its time and size. */
function listing(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((path) => {
    const { mtimeMs, size } = statSync(join(directory, path))
    return `${path} ${mtimeMs} ${size}`
  })
}

/** Takes the right to write from everyone. Root needs none: it had better be somebody else. */
function makeReadOnly(directory: string): void {
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const file = join(directory, path)
    const isProgram = (statSync(file).mode & 0o111) !== 0
    chmodSync(file, isProgram ? 0o555 : 0o444)
  }
  chmodSync(directory, 0o555)
}

test('a directory without write permission', async ({ skip, annotate }) => {
  await machineWithSectionsOr(skip)
  const project = makeProject()
  makeReadOnly(project)
  const before = listing(project)
  // Another user must be able to read Node itself.
  const isRoot = process.getuid?.() === 0
  const asNobody = { cwd: project, ...(isRoot ? { uid: NOBODY } : {}) }
  const canBeNobody = (await run(['--version'], asNobody)).status === 0
  if (!canBeNobody) await annotate('Node is not for everyone here: run as root')
  const options = canBeNobody ? asNobody : { cwd: project }
  const { main, counted, expected } = await smoke('esm.mjs', options)
  expect([main.backend, counted]).toEqual(['native', expected])
  expect(listing(project)).toEqual(before)
})

test('two copies in one process count on the same memory', async ({ skip }) => {
  const { registration } = await machineWithSectionsOr(skip)
  const project = makeProject()
  const other = temporary()
  cpSync(join(project, 'node_modules'), join(other, 'node_modules'), { recursive: true })
  const urls = [project, other].map(
    (place) => pathToFileURL(join(place, 'node_modules/rseq/lib/index.js')).href,
  )
  const { status, stdout, stderr } = await run(['two-copies.mjs', ...urls], { cwd: project })
  expect([status, stderr]).toEqual([0, ''])
  const { main, workers, counted, expected } = JSON.parse(stdout) as Awaited<ReturnType<typeof smoke>>
  expect(counted).toBe(expected)
  // Where the C library registers threads, both can use that.
  const second = registration === 'libc' ? 'native' : 'portable'
  expect([main.backend, workers[0]?.backend]).toEqual(['native', second])
})
