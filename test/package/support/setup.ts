/** Packs the tarball that all tests of it install, once. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { packInto, prepare } from '../../../scripts/pack.mjs'
import { installInto } from './install.js'

export interface Packed {
  /** The tarball. */
  file: string
  /** In bytes. */
  size: number
  unpackedSize: number
  /** The paths in it. */
  files: string[]
  /** A directory in which it is installed. Others copy it; nobody changes it. */
  installed: string
}

declare module 'vitest' {
  interface ProvidedContext {
    packed: Packed
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  await prepare()
  const directory = mkdtempSync(join(tmpdir(), 'rseq-package-'))
  const packed = packInto(directory)
  const installed = join(directory, 'installed')
  installInto(installed, packed.file)
  project.provide('packed', { ...packed, installed })
  return () => {
    rmSync(directory, { recursive: true, force: true })
  }
}
