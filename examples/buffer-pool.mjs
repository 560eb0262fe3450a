// A file is read into blocks of shared memory, and workers hash them there: nothing is copied, nothing allocated, and
// whatever the file's size the memory is that of the pool. The result is the SHA-256 of the blocks' SHA-256 hashes.
// Run it: node examples/buffer-pool.mjs [FILE]
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { PerCpuPool } from 'rseq'

const WORKERS = 3
const BLOCK_BYTES = 64 * 1024
const DIGEST_BYTES = 32

/** A worker: gets the number of a block, and gives the block back when it has hashed it. */
function hashBlocks({ buffer, digests }) {
  const pool = PerCpuPool.from(buffer)
  parentPort.on('message', ({ block, length, place }) => {
    if (block === -1) return parentPort.close()
    const digest = createHash('sha256').update(pool.view(block).subarray(0, length)).digest()
    pool.free(block)
    digests.set(digest, place * DIGEST_BYTES)
  })
}

async function main() {
  const file = await open(process.argv[2] ?? process.execPath)
  const { size } = await file.stat()
  const places = Math.ceil(size / BLOCK_BYTES)
  const pool = new PerCpuPool({ blocks: 32, blockSize: BLOCK_BYTES })
  const digests = new Uint8Array(new SharedArrayBuffer(places * DIGEST_BYTES))
  const workers = Array.from(
    { length: WORKERS },
    () => new Worker(new URL(import.meta.url), { workerData: { buffer: pool.buffer, digests } }),
  )
  let waits = 0
  for (let place = 0; place < places; place++) {
    let block = pool.alloc()
    for (; block === -1; block = pool.alloc()) {
      waits++ // the workers have all of them: reading goes on when one comes back
      await pause(1)
    }
    const { bytesRead } = await file.read(pool.view(block), 0, BLOCK_BYTES, place * BLOCK_BYTES)
    workers[place % WORKERS].postMessage({ block, length: bytesRead, place })
  }
  const ends = workers.map((worker) => once(worker, 'exit'))
  for (const worker of workers) worker.postMessage({ block: -1 })
  await Promise.all(ends)
  await file.close()
  console.log(
    `${places} blocks through a pool of ${pool.blocks}, ${waits} waits; free again: ${pool.available}`,
  )
  console.log(createHash('sha256').update(digests).digest('hex'))
}

if (isMainThread) await main()
else hashBlocks(workerData)
