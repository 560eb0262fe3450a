// Compares the runtimes, each by its own Atomics.add:
//
//   npm run bench:runtimes
//
// Prints a table in Markdown: nanoseconds of CPU time for one operation, and in brackets how many times Atomics.add that is.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { RUNTIMES, fetchRuntime, isPackaged } from '../../scripts/runtimes.mjs'

const program = fileURLToPath(new URL('program.mjs', import.meta.url))

function measure(name, file, args, env) {
  const { status, stdout, stderr } = spawnSync(file, [...args, program], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${name} failed: ${stdout}${stderr}`)
  const { info, rows } = JSON.parse(stdout)
  return { title: `${name} ${info.runtimeVersion}, ${info.tier}`, rows }
}

const ways = [['Node', process.execPath, []]]
for (const runtime of RUNTIMES.filter((runtime) => isPackaged(runtime)))
  ways.push([runtime.name, fetchRuntime(runtime), runtime.run])
const columns = ways.flatMap(([name, file, args]) => [
  measure(name, file, args, {}),
  ...(name === 'Node' ? [measure(name, file, args, { RSEQ_TIER: 'napi' })] : []),
  measure(name, file, args, { RSEQ_BACKEND: 'portable' }),
])
const line = (cells) => `| ${cells.join(' | ')} |`
console.log(line(['', ...columns.map(({ title }) => title)]))
console.log(line(['---', ...columns.map(() => '---')]))
for (const [k, { title }] of columns[0].rows.entries()) {
  const cells = columns.map(({ rows }) => `${rows[k].nanoseconds.toFixed(1)} (${rows[k].atomics.toFixed(1)})`)
  console.log(line([title, ...cells]))
}
