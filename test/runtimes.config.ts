// `npm run test:runtimes`: the suite of the public API on Bun and Deno, which run vitest themselves.
import { defineConfig } from 'vitest/config'
import { MOST_WORKERS, common } from './support/vitest-settings.js'

const isDeno = process.versions['deno'] !== undefined

/** Tests that replace functions of Node or pass options of Node: they say nothing about another runtime. By words of their names. */
const ABOUT_NODE = [
  'a call that is not passed on leaves the next waiter',
  'when a listener is added, rejects the wait and leaves no timer',
  'a lock whose object is collected stays taken',
  'no code is generated',
  'are recorded without a line of the program, until they are ended',
]

/** Tests that look at once after the end of a Worker was told. Bun and Deno tell it some moments before the thread has ended. */
const AT_ONCE_AFTER_AN_END = ['is locked at once, in the first attempt']

/**
 * Tests that terminate a Worker, for Deno: Deno (2.9) does not end a Worker that is in a loop or waits, and its thread runs on after
 * `terminate()`. A thread that has not ended keeps what it owns, so nothing can be tested there.
 */
const TERMINATE = [
  'terminat',
  'a timeout while another thread has the mutex',
  'an owner that ends is found out by a thread that has no table',
  'a Worker that ends is struck off the table',
]

const left = [...ABOUT_NODE, ...AT_ONCE_AFTER_AN_END, ...(isDeno ? TERMINATE : [])]

export default defineConfig({
  test: {
    ...common,
    maxWorkers: MOST_WORKERS,
    include: ['test/api/**/*.test.ts'],
    setupFiles: ['test/support/expected-runtime.ts'],
    testNamePattern: new RegExp(`^(?!.*(${left.join('|')}))`),
  },
})
