/**
 * Projects in which the package is installed, and what runs there.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject, onTestFinished } from 'vitest'
import type { Info } from '../../../lib/index.js'
import { bareEnvironment } from './install.js'

/** The programs that a project runs. */
export const ENTRIES = fileURLToPath(new URL('../entries/', import.meta.url))

/** What the programs of `entries/` print. */
export interface Smoke {
  main: Info
  workers: Info[]
  counted: number
  expected: number
}

export interface End {
  status: number | string
  stdout: string
  stderr: string
}

export interface RunOptions {
  /** The Node to run it. */
  node?: string
  /** What runs `node`: an emulator. */
  under?: string
  /** Options of Node's. */
  options?: string[]
  env?: Record<string, string>
  cwd?: string
  uid?: number
}

/** A directory that is gone when the test is. */
export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rseq-project-'))
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}

/** A project of its own with the package and the programs of `entries/`. */
export function makeProject(): string {
  const directory = temporary()
  cpSync(inject('packed').installed, directory, { recursive: true })
  cpSync(ENTRIES, directory, { recursive: true })
  return directory
}

/** Runs a program with nothing around it but Node. Does not throw where it fails. */
export function run(args: string[], how: RunOptions): Promise<End> {
  const { node = process.execPath, under, options = [], env = {}, cwd, uid } = how
  const settings = {
    env: { ...bareEnvironment(node), ...env },
    ...{ cwd, uid, gid: uid, timeout: 300_000, maxBuffer: 1 << 26 },
  }
  const [command, all] = under === undefined ? [node, options] : [under, [node, ...options]]
  return new Promise((resolve) => {
    execFile(command, [...all, ...args], settings, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : (error.code ?? error.signal ?? 'unknown'), stdout, stderr })
    })
  })
}

/** Runs one of `entries/`, or what was made of it. @throws Error with its output if it failed. */
export async function smoke(file: string, options: RunOptions): Promise<Smoke & { stderr: string }> {
  const { status, stdout, stderr } = await run([file], options)
  if (status !== 0) throw new Error(`${file} ended with ${status}\n${stdout}\n${stderr}`)
  return { ...(JSON.parse(stdout) as Smoke), stderr }
}
