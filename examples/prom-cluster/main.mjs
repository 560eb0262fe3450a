// An existing service that uses prom-client and node:cluster, before.mjs, moves to rseq/prom-client by one import and one line,
// after.mjs. Both are asked by autocannon while their workers are killed by SIGKILL, one after the other; then their metrics are
// compared with autocannon's own count.
// Run it: npm ci && npm run example:prom-cluster, or from a built clone: node examples/prom-cluster/main.mjs [KILLS]
// The exit status is 0 if the second service has lost nothing, and shows all metrics that the first one shows.
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Service, total } from './service.mjs'

const KILLS = 100
/** Kills of the first service: it loses counts at the first one. */
const KILLS_BEFORE = 10

const grouped = (number) => number.toLocaleString('en')
const familiesOf = (text) => [...text.matchAll(/^# TYPE (\S+ \S+)$/gm)].map(([, family]) => family).sort()

/** Runs one version. Returns what autocannon and the metrics say, and the names of the metrics. */
async function run(version, kills) {
  const name = `prom-cluster-example-${process.pid}`
  const remove = () => rmSync(`/dev/shm/rseq.${name}`, { recursive: true, force: true })
  const service = new Service(version, name)
  const abandon = () => {
    service.kill()
    remove()
  }
  process.once('exit', abandon)
  try {
    await service.start()
    const load = await service.killUnderLoad(kills, (kill, answered) => {
      if (kill % 10 === 0) console.log(`${version}: ${kill} killed, ${grouped(answered)} answers`)
    })
    const text = await service.metrics()
    const counted = total(text, 'http_requests_total')
    const observed = total(text, 'http_request_duration_seconds_count')
    return { ...load, counted, observed, families: familiesOf(text) }
  } finally {
    await service.stop()
    remove()
    process.off('exit', abandon)
  }
}

/** Says what was counted. Returns whether nothing is lost, and nothing was counted that was not asked for. */
function judge(version, kills, { sent, answered, counted, observed }) {
  console.log(`\n${version}.mjs, after ${kills} kills:`)
  console.log(`${grouped(sent).padStart(11)} requests were sent by autocannon;`)
  console.log(`${grouped(answered).padStart(11)} answers came back;`)
  console.log(`${grouped(counted).padStart(11)} are in http_requests_total;`)
  console.log(`${grouped(observed).padStart(11)} are in http_request_duration_seconds_count.`)
  const isExact = [counted, observed].every((number) => number >= answered && number <= sent)
  if (isExact) console.log('Exact: every answer is counted, and nothing that was not asked for.')
  else console.log(`WRONG: ${grouped(answered - Math.min(counted, observed))} answers are not counted.`)
  return isExact
}

// The service ends with the example, and its files are removed.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

const { positionals } = parseArgs({ allowPositionals: true })
const kills = Number(positionals[0] ?? KILLS)
if (!Number.isInteger(kills) || kills < 1 || positionals.length > 1)
  throw new RangeError(`KILLS: expected a whole number of at least 1, got ${positionals.join(' ')}`)

const before = await run('before', Math.min(kills, KILLS_BEFORE))
const after = await run('after', kills)
judge('before', Math.min(kills, KILLS_BEFORE), before)
const isExact = judge('after', kills, after)
const missing = before.families.filter((family) => !after.families.includes(family))
console.log(
  missing.length === 0
    ? `\nAll ${before.families.length} metrics of before.mjs are there, under their names and types.`
    : `\nWRONG: after.mjs does not show ${missing.join(', ')}`,
)
process.exitCode = isExact && missing.length === 0 ? 0 : 1
