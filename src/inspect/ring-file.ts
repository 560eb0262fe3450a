/**
 * A ring of a service, found by its name and read from its file.
 *
 * @module
 */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { Kind, RING_HEAD, RingWord } from '../core/layout.js'
import { SHM, partsOf } from '../core/service-files.js'
import { type Clock, clockOf } from './clock.js'
import { FileView, Unreadable } from './file.js'
import { type RegionView, openRegionView, readShards, shardsOf } from './region.js'
import type { RingPiece } from './record-frame.js'
import {
  type RingLook,
  RingTail,
  type SeenRecord,
  type ShardEnd,
  capacityOf,
  hasTicks,
  shardPieces,
  shardRecords,
} from './ring.js'
import { findService, objectFiles, reasonOf } from './service.js'

/** How an object is looked for. */
export interface ObjectChoice {
  /** The parent directory of services. */
  readonly directory?: string
  /** Which generation, if there are several. */
  readonly generation?: string
}

/** All generations of an object, the newest last. */
export function generationsOf(path: string, object: string, kind?: string): string[] {
  const files = objectFiles(path).filter((file) => {
    const parts = partsOf(file)
    return (parts?.name === object || file === object) && (kind === undefined || parts?.kind === kind)
  })
  const age = (file: string): number => statSync(join(path, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
  return files.sort((a, b) => age(a) - age(b)).map((file) => join(path, file))
}

/**
 * Finds the file of an object: of `SERVICE/NAME`, of a path to it, or of a path of a directory with its name behind.
 *
 * @param kind - the kind in the file's name.
 * @throws Error that names what there is, if there is no such object.
 */
export function findObject(
  given: string,
  kind: string,
  { directory = SHM, generation }: ObjectChoice = {},
): string {
  const asPath = resolve(given)
  if (given.includes('/') && statSync(asPath, { throwIfNoEntry: false })?.isFile() === true) return asPath
  const object = basename(given)
  const service = dirname(given)
  if (!given.includes('/') || object === '')
    throw new Error(`object: expected SERVICE/NAME or a path, got '${given}'`)
  const place = existsSync(join(directory, `rseq.${service}`))
    ? findService(service, directory)
    : findService(asPathOf(service))
  const all = generationsOf(place.path, object, kind)
  const files = generation === undefined ? all : all.filter((file) => file.endsWith(`.${generation}`))
  const newest = files.at(-1)
  if (newest !== undefined) return newest
  const names = new Set(
    objectFiles(place.path)
      .map((file) => partsOf(file))
      .filter((parts) => parts?.kind === kind)
      .map((parts) => parts?.name),
  )
  const there = names.size === 0 ? `it has no ${kind}` : `it has ${[...names].join(', ')}`
  const which = generation === undefined ? '' : ` of generation ${generation}`
  throw new Error(`object: expected a ${kind} of ${place.path}, got '${object}'${which}; ${there}`)
}

/** A path that findService() takes for one. */
function asPathOf(service: string): string {
  return service.includes('/') ? service : `./${service}`
}

/** The records of one CPU of a ring, or of the overflow ring. */
export interface RingStream {
  /** The number of the shard, which stays when other shards are allocated. */
  readonly shard: number
  /** The CPU; null for the overflow ring. */
  readonly cpu: number | null
  /** How many records found no room. */
  readonly dropped: number
  /** All records that the ring holds, the oldest first; read in pieces of 128 KiB, when they are asked for. */
  readonly records: Generator<SeenRecord, ShardEnd, undefined>
  /** The records of `records`, in pieces. Use one of the two. */
  readonly pieces: Generator<RingPiece, ShardEnd, undefined>
  readonly clock: Clock
  /** Whether the records have ticks, if they have no time of their own; otherwise nanoseconds of CLOCK_MONOTONIC. */
  readonly areTicks: boolean
}

/** A ring in a file, open for reading. */
export class RingFile {
  readonly #path: string
  readonly #file: FileView
  readonly #tail = new RingTail()

  /** @throws Error if the file cannot be opened. */
  constructor(path: string) {
    this.#path = path
    this.#file = this.#named(() => new FileView(path))
  }

  #named<Result>(read: () => Result): Result {
    try {
      return read()
    } catch (error) {
      throw new Error(`${this.#path} ${reasonOf(error)}`, { cause: error })
    }
  }

  /** Returns the records that were written since the last look; the first look returns all. @throws Error if it is no ring. */
  look(): RingLook {
    return this.#named(() => this.#tail.look(this.#region(), this.#clock()))
  }

  /**
   * Returns the records of each CPU, for rings that may be larger than memory.
   *
   * @param before - for each shard the position up to which its records are known: `next` of the last reading's end.
   * @throws Error if it is no ring.
   */
  streams(before: readonly number[] = []): RingStream[] {
    return this.#named(() => {
      const [region, clock] = [this.#region(), this.#clock()]
      capacityOf(region)
      const heads = readShards(region, RING_HEAD)
      return shardsOf(region).map((shard, k) => ({
        shard,
        cpu: shard === region.shards ? null : shard,
        dropped: Number((heads[k] as DataView).getBigUint64(8 * RingWord.dropped, true)),
        records: shardRecords(region, shard, before[shard] ?? 0, clock),
        pieces: shardPieces(region, shard, before[shard] ?? 0),
        clock,
        areTicks: hasTicks(region, shard),
      }))
    })
  }

  #region(): RegionView {
    const region = openRegionView(this.#file)
    if (region.kind !== Kind.ring) throw new Unreadable('is no ring')
    return region
  }

  #clock(): Clock {
    return clockOf(dirname(this.#path))
  }

  /** Whether the file still has its name: a ring that was removed gets no more records from new processes. */
  isThere(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#file.stats.ino
  }

  close(): void {
    this.#file.close()
  }
}
