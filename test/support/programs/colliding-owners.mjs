// Threads of both backends on one stack, of which some have the same number: Node's plus 1 here, the kernel's there. To be
// run where Node is PID 1 of a namespace. Prints whether numbers and names of owners met, and what became of the values.
import { Mutex, PerCpuStack } from '../../../lib/index.js'
import { Team } from '../team.mjs'

const EACH = 8
const stack = new PerCpuStack(4096)
const mutex = new Mutex().buffer
const { steps } = JSON.parse(process.argv[2])
const team = await Team.lineUp('names-of-owners', 2 * EACH, {
  data: (i) => ({ job: i < EACH ? 'pop' : 'push', mutex, buffer: stack.buffer, steps }),
  env: (i) => ({ RSEQ_BACKEND: i < EACH ? 'native' : 'portable', RSEQ_TIER: '' }),
})
const native = team.hellos.slice(0, EACH)
const portable = team.hellos.slice(EACH)
const met = native.filter(({ task }) => portable.some(({ threadId }) => threadId + 1 === task)).length
const names = new Set(team.hellos.map(({ name }) => name)).size
const reports = await team.run()
const pushed = reports.reduce((sum, report) => sum + report.pushed, 0)
const values = reports.flatMap(({ popped }) => popped)
for (let value = stack.pop(); value !== undefined; value = stack.pop()) values.push(value)
console.log(JSON.stringify({ met, names, threads: 2 * EACH, pushed, came: values.length + stack.size }))
