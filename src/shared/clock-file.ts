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
import { MOST_SAMPLES, SAMPLE_BYTES, type ClockSample, bootId, encodeSample } from '../inspect/clock.js'
import { CLOCK } from '../core/service-files.js'
import { readClocks } from '../runtime/mapping.js'
import { MINUTE_MS, placeFor, timeNamespace } from './clock-places.js'

/** When this thread wrote a sample of each service, in milliseconds. */
const written = new Map<string, number>()

function sampleNow(): ClockSample {
  return { ...readClocks(), boot: bootId(), namespace: timeNamespace() }
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
