/**
 * What a proof has found, in words: for `rseq verify` and `rseq report`.
 *
 * @module
 */
import type { Verification } from '../index.js'
import { counted, grouped } from './text.js'

/** Makes a row for each part of the test that ran. */
export function findings(seen: Verification): [string, string][] {
  const rows: [string, string][] = []
  if (seen.signals > 0) {
    const signals = `${grouped(seen.signalAborts)} of ${grouped(seen.signals)} aborted the section they arrived in`
    rows.push(['signals', `${signals}: the kernel sent it to its abort handler before it could commit`])
  }
  if (seen.preemptionTries > 0) {
    const preempted = `${grouped(seen.preemptionAborts)} of ${grouped(seen.preemptionTries)}`
    rows.push([
      'preemption',
      `${preempted} sections longer than a time slice were aborted on CPU ${seen.cpu}`,
    ])
  }
  if (seen.expected > 0) {
    const additions = `${grouped(seen.expected)} additions by two threads pinned to one CPU made a total of`
    const repeated = `${counted(seen.aborts, 'abort')}, each repeated`
    rows.push(['sections', `${additions} ${grouped(seen.counted)}: ${verdict(seen)}; ${repeated}`])
  }
  if (seen.controlExpected > 0) {
    const lost = seen.controlExpected - seen.controlCounted
    const control = `the control, a plain load and store, lost ${grouped(lost)} of ${grouped(seen.controlExpected)}`
    rows.push(['control', `${control}: this is what the sections prevent`])
  }
  return rows
}

function verdict(seen: Verification): string {
  return seen.counted === seen.expected ? 'exact' : `${grouped(seen.expected - seen.counted)} lost`
}
