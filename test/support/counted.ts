/**
 * The program that counts in all threads, for processes whose threads are registered in other ways.
 *
 * @module
 */
import type { Info } from '../../lib/index.js'

/** What `programs/count.mjs` prints. */
export interface Counted {
  main: Info
  workers: Pick<Info, 'backend' | 'registration' | 'reason'>[]
  counted: number
  expected: number
  overflow: number
  terminated: { counted: number; confirmed: number[]; workers: number }
}

/** The C library leaves rseq alone; without effect where it does anyway (musl, glibc before 2.35). */
export const WITHOUT_LIBC = { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' }
