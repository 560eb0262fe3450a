// Writes the seeds of the corpus: well-formed regions of a few shapes, each with a script that runs
// every operation. What the fuzzer finds beside them and is worth keeping is added by hand.
// Usage: node native/test/fuzz/seeds.mjs DIRECTORY
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const directory = process.argv[2]
mkdirSync(directory, { recursive: true })

// A region of another layout version is refused at once, and the fuzzer would get no further.
const header = readFileSync(join(import.meta.dirname, '../../percpu/region.h'), 'utf8')
const layoutVersion = Number(/kLayoutVersion = (\d+);/.exec(header)[1])

const upTo128 = (bytes) => Math.ceil(bytes / 128) * 128

/** `units` of `unitSize` bytes: a list, or a pool, whose blocks are all free. */
function region(shape) {
  const { kind = 1, element, index, writers, shards, length } = shape
  const { policy = 0, units = 0, unitSize = 0, checked = 0 } = shape
  const stride = upTo128(8 * length)
  const overflow = kind !== 4 ? stride : upTo128(8 * (units + 2))
  const words = kind === 3 && checked === 1 ? 2 * units : units
  const arena = upTo128(8 * words) + units * Math.ceil(unitSize / 64) * 64
  const bytes = Buffer.alloc(128 + shards * stride + overflow + arena)
  const fields = [0x51455352, layoutVersion, kind, element, index, writers, shards, length, stride, 128]
  fields.push(units, unitSize, checked)
  fields.forEach((field, position) => bytes.writeUInt32LE(field, 4 * position))
  const central = 128 + shards * stride
  bytes.writeUInt32LE(policy, 60)
  if (kind !== 4) return bytes
  bytes.writeUInt32LE(units, central)
  for (let unit = 0; unit < units; unit++) bytes.writeDoubleLE(unit, central + 8 * (2 + unit))
  return bytes
}

/** One step for each operation of region.cc, on the first and the last element. */
function script(length) {
  const steps = []
  for (const element of [0, length - 1, length]) {
    // Twice the number of a counter's, as a stack has more than fit in their place.
    for (let operation = 0; operation < 18; operation++) {
      const step = Buffer.alloc(12)
      step.writeUInt8(operation, 0)
      step.writeUInt8(0x5a, 1)
      step.writeUInt16LE(element, 2)
      step.writeDoubleLE(1.5, 4)
      steps.push(step)
    }
  }
  return Buffer.concat(steps)
}

const shapes = {
  'i64-cpu': { element: 1, index: 0, writers: 1, shards: 2, length: 1 },
  'f64-cpu': { element: 2, index: 0, writers: 1, shards: 2, length: 3 },
  'i64-concurrency': { element: 1, index: 1, writers: 1, shards: 1, length: 17 },
  'f64-atomics': { element: 2, index: 0, writers: 2, shards: 1, length: 1 },
  'words-i64': { kind: 6, element: 1, index: 0, writers: 1, shards: 2, length: 4 },
  'words-i32': { kind: 6, element: 3, index: 1, writers: 1, shards: 1, length: 2 },
  'words-f64-atomics': { kind: 6, element: 2, index: 0, writers: 2, shards: 3, length: 17 },
  mutex: { kind: 8, element: 1, index: 0, writers: 1, shards: 1, length: 3 },
  'stack-cpu': { kind: 2, element: 2, index: 0, writers: 1, shards: 2, length: 5 },
  'stack-atomics': { kind: 2, element: 2, index: 1, writers: 2, shards: 1, length: 3 },
  'pool-cpu': {
    kind: 4,
    element: 2,
    index: 0,
    writers: 1,
    shards: 2,
    length: 4,
    units: 3,
    unitSize: 8,
    checked: 1,
  },
  'pool-atomics': { kind: 4, element: 2, index: 0, writers: 2, shards: 1, length: 3, units: 2, unitSize: 70 },
  'ring-cpu': { kind: 5, element: 1, index: 0, writers: 1, shards: 2, length: 64, policy: 1 },
  'ring-atomics': { kind: 5, element: 1, index: 0, writers: 2, shards: 2, length: 64, policy: 1 },
  'ring-overwrite': { kind: 5, element: 1, index: 1, writers: 1, shards: 2, length: 64, policy: 2 },
  'list-cpu': { kind: 3, element: 1, index: 0, writers: 1, shards: 2, length: 2, units: 3, unitSize: 8 },
  'list-checked': {
    ...{ kind: 3, element: 1, index: 0, writers: 1, shards: 2, length: 2, units: 3, unitSize: 8, checked: 1 },
  },
  'list-atomics': { kind: 3, element: 1, index: 1, writers: 2, shards: 1, length: 2, units: 2, unitSize: 70 },
  'cpu-lock': { kind: 9, element: 1, index: 0, writers: 1, shards: 2, length: 3 },
  'cpu-lock-atomics': { kind: 9, element: 1, index: 0, writers: 2, shards: 2, length: 3 },
  'i64-atomics': { element: 1, index: 1, writers: 2, shards: 3, length: 2 },
}
for (const [name, shape] of Object.entries(shapes)) {
  const steps = script(shape.length)
  const size = Buffer.alloc(2)
  size.writeUInt16LE(steps.length)
  writeFileSync(join(directory, name), Buffer.concat([size, steps, region(shape)]))
}
