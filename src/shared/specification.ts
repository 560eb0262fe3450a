/**
 * What the processes that share an object agree on, and the name of the object's file. The name contains a hash of the
 * specification and of the layout version. Two releases of a program that specify an object differently therefore use two
 * files, and can run side by side.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { choice } from '../runtime/backend.js'
import { formatRegion } from '../runtime/region.js'
import {
  type Arena,
  type ArrayElement,
  Element,
  HEADER_BYTES,
  HeaderWord,
  type Kind,
  LAYOUT_VERSION,
  NO_ARENA,
  Policy,
  type PolicyName,
  hasExtents,
  regionSize,
  shardStride,
} from '../core/layout.js'
import { GENERATION_DIGITS } from '../core/service-files.js'
import type { SharedKind } from './names.js'

/** What the processes that map an object's file agree on. */
export interface Specification {
  /** Everything that distinguishes the object from others of its kind. The hash in the file name is made of it. */
  readonly agreed: readonly (string | number | boolean)[]
  /** The size of the file in bytes. */
  readonly bytes: number
  /** How many of them are allocated at once: the others when a thread is first seen on their CPU. */
  readonly bytesAtFirst: number
  /**
   * How many bytes at the beginning of the file JavaScript reads and writes: they are allocated before the file is mapped.
   * Without it, native code allocates what it touches.
   */
  readonly scriptBytes?: number
  /** Writes a new, empty object into zeroed memory. */
  readonly format: (buffer: SharedArrayBuffer) => void
  /** Returns whether the memory's header agrees with the specification. The object's class checks that the memory is sound. */
  readonly isIn: (buffer: SharedArrayBuffer) => boolean
}

/** Two pages are the most that alignment adds to what is allocated at once. */
const SLACK = 2 * 4096

/** The properties of an object that is one region. */
export interface RegionShape {
  readonly kind: Kind
  /** Number of words in each shard. */
  readonly length: number
  /** The type of the words; `i64` by default. */
  readonly element?: ArrayElement
  /** Number of shards; one for each possible CPU by default. */
  readonly shards?: number
  /** Only rings have a policy. */
  readonly policy?: PolicyName
  /** Only lists and pools have an arena. */
  readonly arena?: Arena
}

/**
 * The specification of an object that is one region.
 *
 * @param head - how many bytes of the object's own are in front of the region; they are allocated at once.
 */
export function regionSpecification(shape: RegionShape, head = 0): Specification {
  const maker = choice.sharing().backend
  const { kind, length, element = 'i64', shards = maker.possibleCpus, arena = NO_ARENA } = shape
  const policy: Policy | 0 = shape.policy === undefined ? 0 : Policy[shape.policy]
  const { units, unitSize, isChecked } = arena
  const bytes = head + regionSize(kind, Element[element], shards, length, arena)
  return {
    agreed: [length, element, shards, policy, units, unitSize, isChecked],
    bytes,
    bytesAtFirst: Math.min(
      bytes,
      bytes - (hasExtents(kind) ? (shards - 1) * shardStride(length) : 0) + SLACK,
    ),
    format(buffer) {
      const region = new Uint8Array(buffer, head)
      formatRegion(region, kind, length, element, 'cpu', shards, { policy, arena }, maker)
    },
    isIn(buffer) {
      const header = new Uint32Array(buffer, head, HEADER_BYTES / Uint32Array.BYTES_PER_ELEMENT)
      return (
        header[HeaderWord.kind] === kind &&
        header[HeaderWord.element] === Element[element] &&
        header[HeaderWord.length] === length &&
        header[HeaderWord.shards] === shards &&
        header[HeaderWord.policy] === policy &&
        header[HeaderWord.units] === units &&
        header[HeaderWord.unitSize] === unitSize &&
        header[HeaderWord.isChecked] === Number(isChecked)
      )
    },
  }
}

/** Returns the name of an object's file, such as `requests.counter.1f2e3d4c`. */
export function fileName(name: string, kind: SharedKind, { agreed }: Specification): string {
  const all = [LAYOUT_VERSION, choice.sharing().backend.possibleCpus, kind, ...agreed].join(' ')
  const hash = createHash('sha256').update(all).digest('hex').slice(0, GENERATION_DIGITS)
  return `${name}.${kind}.${hash}`
}
