/**
 * How the files of a trace in the Common Trace Format are named.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { UUID_BYTES } from './packets.js'

/** The name of the file with the events of a CPU. */
export function streamName(cpu: number | null): string {
  return cpu === null ? 'overflow' : `cpu_${cpu}`
}

/** A UUID of its own, and its text. */
export function newUuid(): { bytes: Buffer; text: string } {
  const bytes = randomBytes(UUID_BYTES)
  return { bytes, text: bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') }
}
