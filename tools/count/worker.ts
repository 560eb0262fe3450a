/**
 * A worker of the word counter. It takes one file after the other from the shared list and adds the
 * file's counts to the shared counters. Each addition is a critical section on the current CPU.
 *
 * @module
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { PerCpuCounterArray } from 'rseq'
import { FileList, failureReason } from './files.js'
import { Element, type Job, type Report } from './job.js'
import { TextCounter } from './words.js'

const PIECE = 256 * 1024

const job = workerData as Job
const counters = PerCpuCounterArray.from(job.counters)
const files = new FileList(job.files)
const cursor = new Int32Array(job.cursor)
const text = new TextCounter(job.rule)
const piece = Buffer.allocUnsafeSlow(PIECE)

function report(message: Report): void {
  parentPort?.postMessage(message)
}

/** Counts an open file. Adds after each piece, so that the progress display includes a large file early. */
function countDescriptor(descriptor: number): void {
  let bytes = 0
  let lines = 0
  let words = 0
  const addRest = (): void => {
    counters.add(Element.lines, text.lines - lines)
    counters.add(Element.words, text.words - words)
    lines = text.lines
    words = text.words
  }
  text.begin()
  try {
    for (;;) {
      const length = readSync(descriptor, piece, 0, PIECE, null)
      if (length === 0) break
      text.count(piece, length)
      counters.add(Element.bytes, length)
      bytes += length
      addRest()
    }
    text.end()
    addRest()
    counters.increment(Element.files)
  } catch (error) {
    // A file that fails half-way must not count, so this subtracts what was added.
    counters.add(Element.bytes, -bytes)
    counters.add(Element.lines, -lines)
    counters.add(Element.words, -words)
    throw error
  }
}

function countFile(path: Buffer): void {
  const descriptor = openSync(path, 'r')
  try {
    countDescriptor(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

for (;;) {
  const file = Atomics.add(cursor, 0, 1)
  if (file >= files.length) break
  try {
    countFile(files.path(file))
  } catch (error) {
    report({ kind: 'failed', file, reason: failureReason(error) })
  }
}
report({ kind: 'done' })
