// A service is slow at times, and then it dies by SIGKILL. It had no log. This process, which never spoke to it but by HTTP, exports its
// trace and shows why: which query made the slow requests slow, and what the service was doing when it died.
// Run it: npm ci && npm run example:trace-service, or from a built clone: node examples/trace-service/main.mjs
// With a directory as its argument, it leaves the trace there for other tools: in CTF, and for Perfetto and Chrome.
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openShared } from 'rseq/shared'

const REQUESTS = 200
const PRODUCTS = 8
const ORDER = 4711
const SLOW_MS = 50
const [, , out] = process.argv

const rseq = (...args) => {
  const cli = fileURLToPath(new URL('cli/main.js', import.meta.resolve('rseq')))
  return execFileSync(process.execPath, [cli, ...args], { encoding: 'utf8', maxBuffer: 2 ** 28 })
}

/** Starts the service, asks it for pages, and for the one that ends it. Returns how many answers there were. */
async function visit(shop) {
  const service = fork(fileURLToPath(new URL('service.mjs', import.meta.url)), [shop.name])
  const ended = once(service, 'exit')
  const [{ port }] = await once(service, 'message')
  let answers = 0
  for (let k = 0; k < REQUESTS; k++) {
    await (await fetch(`http://127.0.0.1:${port}/product/${k % PRODUCTS}`)).text()
    answers++
  }
  await fetch(`http://127.0.0.1:${port}/pay/${ORDER}`).catch(() => undefined)
  const [, signal] = await ended
  console.log(`The service answered ${answers} requests, and was ended by ${signal}.\n`)
  return answers
}

/** Joins the beginnings and the ends of spans. Those that are open have no end. */
function spansOf(lines) {
  const spans = new Map()
  for (const line of lines) {
    if (line.phase === 'begin') spans.set(line.span, { ...line, ms: null })
    const begun = spans.get(line.span)
    if (line.phase === 'end' && begun !== undefined)
      begun.ms = Number(BigInt(line.time) - BigInt(begun.time)) / 1e6
  }
  return [...spans.values()]
}

function show(lines) {
  const spans = spansOf(lines)
  const requests = spans.filter(({ event }) => event === 'request')
  const slow = requests.filter(({ ms }) => ms > SLOW_MS)
  console.log(`${slow.length} of ${requests.length} requests took more than ${SLOW_MS} ms. What they did:\n`)
  const [example] = slow
  const until = BigInt(example.time) + BigInt(Math.round(example.ms * 1e6))
  for (const line of lines) {
    if (BigInt(line.time) < BigInt(example.time) || BigInt(line.time) > until || line.event === 'channel')
      continue
    const ms = (Number(BigInt(line.time) - BigInt(example.time)) / 1e6).toFixed(3).padStart(9)
    console.log(`  ${ms} ms  ${line.event} ${line.phase} ${JSON.stringify(line.values)}`)
  }
  const total = (table) => {
    const all = spans.filter(({ event, values }) => event === 'query' && values.table === table)
    return all.reduce((sum, { ms }) => sum + (ms ?? 0), 0)
  }
  console.log(
    `\nQueries of reviews took ${total('reviews').toFixed(0)} ms, all of products ${total('products').toFixed(0)} ms.`,
  )
  console.log('\nThe last events before the end:\n')
  for (const { event, phase, values, thread } of lines.slice(-5)) {
    console.log(`  thread ${thread}  ${event} ${phase} ${JSON.stringify(values)}`)
  }
  const open = requests.filter(({ ms }) => ms === null)
  console.log(`\nOpen when it ended: ${open.map(({ values }) => values.url).join(', ')}`)
  return { ended: requests.length - open.length, open }
}

const shop = openShared(`trace-example-${process.pid}`)
let isRight = false
try {
  const answers = await visit(shop)
  const lines = rseq('trace', 'export', shop.name, '-', '--format', 'json')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const { ended, open } = show(lines.filter(({ missing }) => missing === undefined))
  const last = lines.filter(({ event }) => event === 'pay').at(-1)
  isRight =
    ended === answers && open.length === 1 && last.values.order === ORDER && last.values.step === 'charge'
  if (out !== undefined) {
    mkdirSync(out, { recursive: true })
    rseq('trace', 'export', shop.name, join(out, 'ctf'))
    for (const format of ['perfetto', 'chrome']) {
      rseq(
        'trace',
        'export',
        shop.name,
        join(out, `${format}.${format === 'chrome' ? 'json' : 'pftrace'}`),
        '--format',
        format,
      )
    }
    console.log(
      `\nFor other tools: ${out}/ctf (babeltrace2), ${out}/perfetto.pftrace (ui.perfetto.dev), ${out}/chrome.json`,
    )
  }
} finally {
  rmSync(shop.path, { recursive: true })
}
console.log(isRight ? '\nNothing is missing.' : '\nWRONG: the trace is not what the service did.')
process.exitCode = isRight ? 0 : 1
