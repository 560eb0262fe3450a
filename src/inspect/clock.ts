/**
 * Turns the stamps of records into wall-clock times: by the file `clock` of their service, which its processes write
 * (src/shared/clock-file.ts), so that a directory can be read on another machine.
 *
 * The file has samples of 64 bytes. Each is written by one system call and has a check at its end; what does not fit its check is left out.
 *
 *     bytes 0 to 7      ticks (native/rseq/ticks.h)
 *     bytes 8 to 15     CLOCK_MONOTONIC at the same moment, in nanoseconds
 *     bytes 16 to 23    CLOCK_REALTIME, in nanoseconds
 *     bytes 24 to 31    nanoseconds of a tick, a double; 0 if unknown
 *     bytes 32 to 47    the kernel's boot id
 *     bytes 48 to 55    the time namespace whose CLOCK_MONOTONIC it is: the number of /proc/self/ns/time; 0 if unknown
 *     bytes 56 to 63    the check: FNV-1a of the bytes before it, and the magic number
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fnv1a } from '../core/fnv1a.js'
import { CLOCK } from '../core/service-files.js'
import { withFile } from './file.js'

export const SAMPLE_BYTES = 64
export const MOST_SAMPLES = 64
const CHECK_AT = 56
const MAGIC = 0x43515352

/** Clocks that were read at one moment. */
export interface ClockSample {
  readonly ticks: bigint
  readonly monotonic: bigint
  readonly realtime: bigint
  readonly nsPerTick: number
  /** The boot id, in 32 hexadecimal digits. */
  readonly boot: string
  /** The time namespace of `monotonic`; 0 if unknown. */
  readonly namespace: bigint
}

/** Stamps between `from` and `to`, which are excluded: one sample is the nearest of all of them. */
export interface Stretch {
  readonly from: bigint
  readonly to: bigint
  /** The sample's stamp, and its time in nanoseconds since 1970. */
  readonly stamp: bigint
  readonly time: bigint
  /** Nanoseconds of one unit of the stamps. */
  readonly rate: number
}

/** Converts stamps to nanoseconds since 1970; null where that is unknown. */
export interface Clock {
  ofTicks(ticks: bigint): bigint | null
  ofMonotonic(nanoseconds: bigint): bigint | null
  /** How stamps near to one are converted; null where that is unknown. O(samples). */
  near(stamp: bigint, isTicks: boolean): Stretch | null
}

function checkOf(bytes: Buffer): number {
  return fnv1a(bytes.subarray(0, CHECK_AT))
}

/** The bytes of a sample. */
export function encodeSample(sample: ClockSample): Buffer {
  const { ticks, monotonic, realtime, nsPerTick, boot, namespace } = sample
  const bytes = Buffer.alloc(SAMPLE_BYTES)
  bytes.writeBigUInt64LE(BigInt.asUintN(64, ticks), 0)
  bytes.writeBigInt64LE(monotonic, 8)
  bytes.writeBigInt64LE(realtime, 16)
  bytes.writeDoubleLE(nsPerTick, 24)
  bytes.write(boot.slice(0, 32), 32, 'hex')
  bytes.writeBigUInt64LE(namespace, 48)
  bytes.writeUInt32LE(checkOf(bytes), CHECK_AT)
  bytes.writeUInt32LE(MAGIC, CHECK_AT + 4)
  return bytes
}

function decodeSample(bytes: Buffer): ClockSample | undefined {
  if (bytes.readUInt32LE(CHECK_AT + 4) !== MAGIC || bytes.readUInt32LE(CHECK_AT) !== checkOf(bytes))
    return undefined
  const nsPerTick = bytes.readDoubleLE(24)
  return {
    ticks: bytes.readBigUInt64LE(0),
    monotonic: bytes.readBigInt64LE(8),
    realtime: bytes.readBigInt64LE(16),
    nsPerTick: Number.isFinite(nsPerTick) && nsPerTick > 0 ? nsPerTick : 0,
    boot: bytes.toString('hex', 32, 48),
    namespace: bytes.readBigUInt64LE(48),
  }
}

/** The sample in `bytes`, if it is whole and of a boot. */
export function sampleOf(bytes: Buffer, boot: string): ClockSample | undefined {
  const sample = decodeSample(bytes)
  return sample?.boot === boot ? sample : undefined
}

/** The id of this boot of the machine, in 32 hexadecimal digits; empty where there is none. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')
      .replace(/[^0-9a-f]/g, '')
      .slice(0, 32)
  } catch {
    return ''
  }
}

/** Reads the samples of a service, the oldest first: those of the last boot alone, as only its files can be there. */
export function readSamples(directory: string): ClockSample[] {
  let samples: (ClockSample | undefined)[]
  try {
    samples = withFile(join(directory, CLOCK), (file) => {
      const count = Math.min(MOST_SAMPLES, Math.floor(file.stats.size / SAMPLE_BYTES))
      const bytes = file.read(0, count * SAMPLE_BYTES)
      return Array.from({ length: count }, (_, k) =>
        decodeSample(bytes.subarray(k * SAMPLE_BYTES, (k + 1) * SAMPLE_BYTES)),
      )
    })
  } catch {
    return []
  }
  const all = samples
    .filter((sample) => sample !== undefined)
    .sort((a, b) => (a.realtime < b.realtime ? -1 : 1))
  return all.filter(({ boot }) => boot === all.at(-1)?.boot)
}

/** Returns a time; null if it is before 1970 or takes more than 63 bits: a sample or a stamp was overwritten. */
function possible(time: bigint): bigint | null {
  return time >= 0n && time < 2n ** 63n ? time : null
}

const NO_CLOCK: Clock = { ofTicks: () => null, ofMonotonic: () => null, near: () => null }
const FARTHEST = 2n ** 64n

/** Converts the stamps of one kind. */
class Stamps {
  readonly #samples: readonly ClockSample[]
  readonly #kind: 'ticks' | 'monotonic'
  readonly #rate: number
  #last: Stretch | undefined

  constructor(samples: readonly ClockSample[], kind: 'ticks' | 'monotonic', rate: number) {
    this.#samples = samples
    this.#kind = kind
    this.#rate = rate
  }

  near(stamp: bigint): Stretch {
    if (this.#last !== undefined && stamp > this.#last.from && stamp < this.#last.to) return this.#last
    const kind = this.#kind
    const distance = (sample: ClockSample): bigint => {
      const way = stamp - sample[kind]
      return way < 0n ? -way : way
    }
    let best = this.#samples.at(-1) as ClockSample
    for (const sample of this.#samples) if (distance(sample) < distance(best)) best = sample
    const own = best[kind]
    let [from, to] = [-FARTHEST, FARTHEST]
    for (const { [kind]: other } of this.#samples) {
      const middle = (own + other) >> 1n
      if (other < own && middle >= from) from = middle + 1n
      if (other > own && middle < to) to = middle
    }
    this.#last = { from, to, stamp: own, time: best.realtime, rate: this.#rate }
    return this.#last
  }

  timeOf(at: bigint): bigint | null {
    if (this.#rate === 0) return null
    const { stamp, time } = this.near(at)
    if (this.#rate === 1) return possible(time + at - stamp)
    const distance = Math.round(Number(at - stamp) * this.#rate)
    return Number.isFinite(distance) ? possible(time + BigInt(distance)) : null
  }
}

/** The clock of the records of a service that is read here, or, with no samples, of this machine. */
export function clockOf(directory: string): Clock {
  const samples = readSamples(directory)
  const last = samples.at(-1)
  // Each time namespace has a CLOCK_MONOTONIC of its own.
  const first = samples.find(({ namespace }) => namespace === last?.namespace)
  if (first === undefined || last === undefined) return NO_CLOCK
  const [passedTicks, passed] = [Number(last.ticks - first.ticks), Number(last.monotonic - first.monotonic)]
  // A rate over a second or more is better than what a process measured when it began.
  const nsPerTick = passedTicks > 0 && passed >= 1e9 ? passed / passedTicks : last.nsPerTick
  const ticks = new Stamps(samples, 'ticks', nsPerTick)
  const monotonic = new Stamps(samples, 'monotonic', 1)
  return {
    ofTicks: (at) => ticks.timeOf(at),
    ofMonotonic: (at) => monotonic.timeOf(at),
    near: (stamp, isTicks) => (!isTicks ? monotonic.near(stamp) : nsPerTick === 0 ? null : ticks.near(stamp)),
  }
}
