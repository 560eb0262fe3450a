/**
 * How a trace in the Common Trace Format names its files, and what is missing in them.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { EventStream } from '../read/events.js'
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

/** What the environment of a trace says is missing: a name for each CPU, and the number of bytes. */
export function missingBytes(
  streams: readonly Pick<EventStream, 'cpu' | 'missing'>[],
): (readonly [name: string, bytes: number])[] {
  return streams
    .flatMap(({ cpu, missing: { overwrittenBytes, damagedBytes } }) => [
      [`overwritten_bytes_${streamName(cpu)}`, overwrittenBytes] as const,
      [`damaged_bytes_${streamName(cpu)}`, damagedBytes] as const,
    ])
    .filter(([, bytes]) => bytes > 0)
}
