// A process of `../shared.ts` to which the kernel refuses restartable sequences. Started with
// GLIBC_TUNABLES=glibc.pthread.rseq=0, so that the C library has not registered the main thread.
import { createRequire } from 'node:module'
import { constants } from 'node:os'

createRequire(import.meta.url)(process.env.RSEQ_TEST_SUPPORT).refuseRseq(constants.errno.EPERM)
await import('./shared-actor.mjs')
