/**
 * The memory of a trace in a service: a ring, and beside it a file with the events' definition, which says which ring it is.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { PerCpuRing } from '../ring/ring.js'
import type { SharedClass } from '../shared/kinds.js'
import { type SharedDirectory, openKind } from '../shared/shared-directory.js'
import { GENERATION_DIGITS } from '../core/service-files.js'
import { type TraceDescription, formatMemory, memoryBytes, readMemory, textOf } from './events-memory.js'

/** The memory of a trace's events, as long as it is open. */
interface EventsMemory extends Disposable {
  readonly buffer: SharedArrayBuffer
}

const EVENTS: SharedClass<readonly [TraceDescription], EventsMemory> = {
  specify(description) {
    const text = textOf(description)
    const bytes = memoryBytes(description)
    return {
      ...{ agreed: [text], bytes, bytesAtFirst: bytes },
      format(buffer) {
        formatMemory(buffer, description)
      },
      isIn(buffer) {
        const memory = new Uint8Array(buffer)
        const found = readMemory(memory.length, (at, length) => memory.slice(at, at + length))
        return textOf(found.description) === text
      },
    }
  },
  // The mapping ends when nobody has the buffer any more.
  from: (buffer) => ({ buffer, [Symbol.dispose]: () => undefined }),
}

/** The name of the ring of a trace. Traces that differ have different rings, as the numbers of their events differ. */
function ringName(description: TraceDescription): string {
  const hash = createHash('sha256').update(textOf(description)).digest('hex')
  return `${description.spec.name}.${hash.slice(0, GENERATION_DIGITS)}`
}

/**
 * Opens a trace of a service; makes it if there is none. The ring comes first: a process that dies between the two leaves a ring
 * without events, which the next one completes.
 */
export function openInService(
  service: SharedDirectory,
  description: TraceDescription,
): { ring: PerCpuRing; events: SharedArrayBuffer; slot: number; description: TraceDescription } {
  const name = ringName(description)
  const { bytesPerCpu, policy, spec } = description
  const ring = service.ring(name, bytesPerCpu, { policy })
  const named = { ...description, ring: name }
  const { buffer } = service[openKind]('events', EVENTS, spec.name, named)
  return { ring, events: buffer, slot: service.slot, description: named }
}
