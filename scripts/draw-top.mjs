/**
 * Makes docs/top.svg: what `rseq top` shows of a service of three processes, one of which was killed. Needs a build, python3, and
 * a machine on which processes can share memory.
 *
 *     npm run build && node scripts/draw-top.mjs
 */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as pause } from 'node:timers/promises'

const [COLUMNS, ROWS] = [140, 20]
const [WIDTH, HEIGHT] = [8, 18]
const COLOURS = { 1: '#e06c75', 2: '#98c379' }
const [GROUND, INK] = ['#1e2227', '#d7dae0']
const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))

/** What a process of the service does, in a process of its own. */
async function serve(directory, blocks) {
  process.title = 'node server.js'
  const { openShared } = await import('../lib/shared/index.js')
  const shop = openShared('shop', { directory })
  const [requests, errors] = [shop.counter('requests'), shop.counter('errors')]
  const routes = shop.counterArray('requests-by-route', 5)
  const sent = shop.counter('bytes-sent', { type: 'f64' })
  const latency = shop.histogram('latency-us', { highest: 1e6, digits: 2 })
  const log = shop.ring('log', 1 << 16, { policy: 'overwrite' })
  const queue = shop.ring('queue', 4096)
  const pool = shop.pool('buffers', { blocks: 1000, blockSize: 4096 })
  for (let i = 0; i < blocks; i++) pool.alloc()
  const gate = shop.mutex('gate')
  if (blocks > 100) gate.lock()
  process.send('ready')
  setInterval(() => {
    for (let i = 0; i < 300 + blocks; i++) {
      requests.add(1)
      routes.add(i % 5, 1)
      sent.add(1234.5)
      latency.record(80 + ((i * i) % 4000))
      if (i % 50 === 0) log.write(Buffer.from('GET /cart 200'))
      if (i % 97 === 0) errors.add(1)
      if (i % 150 === 0) queue.write(Buffer.from(`job ${i}`))
    }
  }, 20)
}

function escaped(text) {
  return text.replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one])
}

/** The cells of a line that look the same, one after the other. */
function runsOf(line) {
  const runs = []
  for (let x = 0; x < COLUMNS; x++) {
    const cell = line.getCell(x)
    const look = {
      isInverse: cell.isInverse() !== 0,
      weight: cell.isBold() ? 'bold' : 'normal',
      opacity: cell.isDim() ? 0.6 : 1,
      colour: cell.isFgPalette() ? (COLOURS[cell.getFgColor()] ?? INK) : INK,
    }
    const last = runs.at(-1)
    const characters = cell.getChars() || ' '
    if (last !== undefined && JSON.stringify(last.look) === JSON.stringify(look)) last.text += characters
    else runs.push({ x, look, text: characters })
  }
  return runs
}

function draw({ buffer }) {
  const [width, height] = [COLUMNS * WIDTH + 24, ROWS * HEIGHT + 24]
  const parts = []
  for (let y = 0; y < ROWS; y++) {
    for (const { x, look, text } of runsOf(buffer.active.getLine(y))) {
      const [left, top, wide] = [12 + x * WIDTH, 12 + y * HEIGHT, text.length * WIDTH]
      if (look.isInverse) {
        parts.push(`<rect x="${left}" y="${top}" width="${wide}" height="${HEIGHT}" fill="${INK}"/>`)
      }
      if (text.trim() === '') continue
      const fill = look.isInverse ? GROUND : look.colour
      parts.push(
        `<text x="${left}" y="${top + 13}" textLength="${wide}" lengthAdjust="spacingAndGlyphs" fill="${fill}" ` +
          `font-weight="${look.weight}" opacity="${look.opacity}" xml:space="preserve">${escaped(text)}</text>`,
      )
    }
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
    `font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13">\n` +
    `<rect width="${width}" height="${height}" rx="6" fill="${GROUND}"/>\n${parts.join('\n')}\n</svg>\n`
  )
}

async function main() {
  const { default: xterm } = await import('@xterm/headless')
  const directory = mkdtempSync('/dev/shm/rseq-draw-')
  const processes = []
  try {
    for (const blocks of [37, 120, 9]) {
      const one = fork(fileURLToPath(import.meta.url), ['serve', directory, String(blocks)])
      processes.push(one)
      await once(one, 'message')
    }
    processes[2].kill('SIGKILL')
    const terminal = new xterm.Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true })
    const top = spawn(
      'python3',
      [
        ...[path('test/support/pseudo-terminal.py'), String(COLUMNS), String(ROWS), process.execPath],
        ...[path('lib/cli/main.js'), 'top', 'shop', '--directory', directory],
      ],
      {
        stdio: ['pipe', 'pipe', 'inherit', 'pipe', 'pipe'],
        env: { ...process.env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' },
      },
    )
    top.stdout.on('data', (bytes) => terminal.write(bytes))
    await pause(4500)
    top.stdin.write('\x1b[B')
    await pause(500)
    writeFileSync(path('docs/top.svg'), draw(terminal).replaceAll(directory, '/dev/shm'))
    top.stdin.write('q')
    await once(top, 'close')
  } finally {
    for (const one of processes) one.kill('SIGKILL')
    rmSync(directory, { recursive: true })
  }
}

const [what, directory, blocks] = process.argv.slice(2)
if (what === 'serve') await serve(directory, Number(blocks))
else await main()
