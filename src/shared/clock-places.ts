/**
 * Where samples go in the file `clock` of a service, and whose CLOCK_MONOTONIC they have: each time namespace has one of its own.
 *
 * @module
 */
import { readlinkSync } from 'node:fs'
import { type ClockSample, MOST_SAMPLES, SAMPLE_BYTES, sampleOf } from '../inspect/clock.js'

export const MINUTE_MS = 60_000

/** The number of this process's time namespace; 0 where there is none. */
export function timeNamespace(): bigint {
  try {
    return BigInt(/\d+/.exec(readlinkSync('/proc/self/ns/time'))?.[0] ?? 0)
  } catch {
    return 0n
  }
}

/**
 * Where a sample goes: into the first place, if that has none of this boot, else into that of this minute. A sample of another time
 * namespace stays, if there is room: only by it, stamps of its CLOCK_MONOTONIC are understood.
 */
export function placeFor({ boot, namespace }: ClockSample, all: Buffer): number {
  const at = (place: number): ClockSample | undefined =>
    sampleOf(all.subarray(place * SAMPLE_BYTES, (place + 1) * SAMPLE_BYTES), boot)
  if (at(0) === undefined) return 0
  const minute = Math.floor(Date.now() / MINUTE_MS)
  const places = Array.from({ length: MOST_SAMPLES - 1 }, (_, k) => 1 + ((minute + k) % (MOST_SAMPLES - 1)))
  const isFree = (place: number): boolean => (at(place)?.namespace ?? namespace) === namespace
  return places.find(isFree) ?? (places[0] as number)
}
