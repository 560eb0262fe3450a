// The objects that `making.mjs` makes and `making-checker.mjs` opens.

export const RING = 4096
export const BLOCKS = 8
export const POOL = { blocks: BLOCKS, blockSize: 64 }
export const LIST = { nodes: 4, payloadSize: 16 }
export const SCHEMA = {
  counters: { requests: { help: 'Requests.' } },
  gauges: { queued: { help: 'Jobs that wait.', type: 'i64' } },
}
