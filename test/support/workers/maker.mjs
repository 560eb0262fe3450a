/**
 * Makes a counter, adds 5 and reports its buffer.
 */
import { PerCpuCounter } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

lineUp()
const counter = new PerCpuCounter()
counter.add(5)
report(counter.buffer)
