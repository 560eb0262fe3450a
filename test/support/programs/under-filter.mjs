// Runs another program in a process to which the kernel has refused the rseq call from its first
// instruction on, so that the C library's own registration fails as well.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const { supportFile, errno, program } = JSON.parse(process.argv[2])
createRequire(import.meta.url)(supportFile).refuseRseq(errno)
const file = fileURLToPath(new URL(`${program}.mjs`, import.meta.url))
const { status, signal } = spawnSync(process.execPath, [file, 'null'], { stdio: 'inherit' })
if (signal !== null) console.error(`${program} was ended by ${signal}`)
process.exitCode = status ?? 1
