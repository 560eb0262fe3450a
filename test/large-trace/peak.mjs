// Loaded before a program: says at its end how much memory it had at most, on descriptor 3, in KiB.
import { writeSync } from 'node:fs'

const held = Number(process.env['LARGE_TRACE_HOLD'] ?? 0)
// The control: memory that is used, not only reserved.
globalThis.heldByTheControl = held > 0 ? Buffer.alloc(held, 1) : undefined
process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS)))
