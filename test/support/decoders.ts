/**
 * The linter's decoders by name.
 *
 * @module
 */
import { arm64 } from '../../build/tools/lint/arm64.js'
import type { Architecture } from '../../build/tools/lint/instruction.js'
import { ppc64 } from '../../build/tools/lint/ppc64.js'
import { x86_64 } from '../../build/tools/lint/x86_64.js'
import type { ArchitectureName } from './toolchains.js'

export const DECODERS: Readonly<Record<ArchitectureName, Architecture>> = {
  'x86-64': x86_64,
  arm64,
  ppc64le: ppc64,
}
