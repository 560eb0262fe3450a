/**
 * The file `clock` of a service: samples of the clocks, by which records can be read on another machine and after all
 * processes have ended. `src/inspect/clock.ts` describes and reads it.
 *
 * Each process writes a sample when it opens the service, and another one when it opens an object a minute later or more. Nobody
 * depends on the file: if it cannot be written, records have no wall-clock times for readers from outside.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import {
  MOST_SAMPLES,
  SAMPLE_BYTES,
  type ClockSample,
  bootId,
  encodeSample,
  sampleOf,
  timeNamespace,
} from '../inspect/clock.js'
import { CLOCK } from '../core/service-files.js'
import { readClocks } from '../runtime/mapping.js'

const MINUTE_MS = 60_000

/** When this thread wrote a sample of each service, in milliseconds. */
const written = new Map<string, number>()

function sampleNow(): ClockSample {
  return { ...readClocks(), boot: bootId(), namespace: timeNamespace() }
}

/**
 * Where a sample goes: into the first place, if that has none of this boot, else into that of this minute. A sample of another time
 * namespace stays, if there is room: only by it, stamps of its CLOCK_MONOTONIC are understood.
 */
function placeFor({ boot, namespace }: ClockSample, all: Buffer): number {
  const at = (place: number): ClockSample | undefined =>
    sampleOf(all.subarray(place * SAMPLE_BYTES, (place + 1) * SAMPLE_BYTES), boot)
  if (at(0) === undefined) return 0
  const minute = Math.floor(Date.now() / MINUTE_MS)
  const places = Array.from({ length: MOST_SAMPLES - 1 }, (_, k) => 1 + ((minute + k) % (MOST_SAMPLES - 1)))
  const isFree = (place: number): boolean => (at(place)?.namespace ?? namespace) === namespace
  return places.find(isFree) ?? (places[0] as number)
}

function write(path: string): void {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
  const file = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
  try {
    if (!fstatSync(file).isFile()) return
    const sample = sampleNow()
    const all = Buffer.alloc(MOST_SAMPLES * SAMPLE_BYTES)
    readSync(file, all, 0, all.length, 0)
    writeSync(file, encodeSample(sample), 0, SAMPLE_BYTES, placeFor(sample, all) * SAMPLE_BYTES)
  } finally {
    closeSync(file)
  }
}

/** Writes a sample of the clocks for a service, unless this thread did within a minute. Never throws. */
export function keepClock(directory: string): void {
  const now = performance.now()
  const last = written.get(directory)
  if (last !== undefined && now - last < MINUTE_MS) return
  written.set(directory, now)
  try {
    write(join(directory, CLOCK))
  } catch {
    // The file system is full, or somebody made something else of that name.
  }
}
