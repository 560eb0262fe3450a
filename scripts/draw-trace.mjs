/**
 * Draws traces that `rseq trace export --format chrome` has written, as SVG: the spans and the events of each thread, over time.
 *
 *     npm run build && node scripts/draw-trace.mjs                 makes the pictures of docs/tracing.md, of the example trace-service
 *     node scripts/draw-trace.mjs chrome.json out.svg              draws any trace
 *     node scripts/draw-trace.mjs chrome.json out.svg 120 200      draws what is between two times, in milliseconds
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [WIDTH, LABELS, RIGHT, ROW, GAP, TOP] = [1120, 150, 14, 24, 6, 64]
/** The width of a character of a label, at most. */
const CHARACTER = 6.6
const COLOURS = ['#3b76c4', '#c7662b', '#3c8d5a', '#8a5bb0', '#b5475f', '#66737f']
const [GROUND, INK, DIM, LINE, STRIPE] = ['#ffffff', '#1f2933', '#5b6875', '#d5dbe1', '#f4f6f8']
/** The fields that say most about an event, the best first. */
const TELLING = ['url', 'table', 'step', 'state', 'kind', 'channel', 'error', 'text']

const escaped = (text) => text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`)
const round = (number) => Math.round(number * 10) / 10

/** The label of an event: the field that says most. Its name is at its row. */
function labelOf({ args }) {
  const telling = TELLING.find((field) => typeof args[field] === 'string')
  return telling === undefined ? '' : args[telling]
}

/** Joins the beginnings and the ends of spans. What never ended has no `end`. Times are milliseconds. */
function readTrace(path) {
  const { traceEvents } = JSON.parse(readFileSync(path, 'utf8'))
  const [spans, instants, titles, open] = [[], [], new Map(), new Map()]
  let last = 0
  for (const { ph, id, ts = 0, ...event } of traceEvents) {
    const at = ts / 1000
    last = Math.max(last, at)
    const of = { ...event, label: labelOf(event), begin: at }
    if (ph === 'M' && event.name === 'process_name') titles.set(event.pid, event.args.name)
    if (ph === 'i') instants.push({ ...of, end: at })
    if (ph === 'b') {
      spans.push(of)
      open.set(id, of)
    }
    if (ph === 'e') {
      const begun = open.get(id)
      if (begun !== undefined) begun.end = at
      open.delete(id)
    }
  }
  return { spans, instants, titles, last }
}

/** Puts spans that overlap into rows of their own. */
function rowsOf(spans) {
  const ends = []
  const rows = []
  for (const span of spans) {
    let row = ends.findIndex((end) => end <= span.begin)
    if (row === -1) row = ends.length
    ends[row] = span.end ?? Infinity
    rows[row] = [...(rows[row] ?? []), span]
  }
  return rows
}

/** Groups by a key, in the order of first appearance. */
function grouped(all, keyOf) {
  const groups = new Map()
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  return groups
}

/** A step of the ruler: 1, 2 or 5 times a power of ten, of which about ten fit. */
function stepOf(length) {
  const power = 10 ** Math.floor(Math.log10(length / 10))
  return [1, 2, 5, 10].map((times) => times * power).find((step) => length / step <= 11) ?? length
}

/** Draws what is between two times, in milliseconds. */
function draw({ spans, instants, titles, last }, { title, from = 0, to = last }) {
  const scale = (WIDTH - LABELS - RIGHT) / (to - from)
  const x = (at) => round(LABELS + (Math.min(Math.max(at, from), to) - from) * scale)
  const isIn = ({ begin, end = last }) => end >= from && begin <= to
  const shown = [...spans, ...instants].filter(isIn)
  const colours = new Map([...new Set(shown.map(({ name }) => name))].map((name, k) => [name, k]))
  const colourOf = (name) => COLOURS[(colours.get(name) ?? 0) % COLOURS.length]
  const parts = []
  let y = TOP
  const text = (left, top, words, { fill = INK, size = 12, weight = 400, anchor = 'start' } = {}) =>
    parts.push(
      `<text x="${round(left)}" y="${round(top)}" fill="${fill}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}">${escaped(words)}</text>`,
    )
  const fitting = (words, width) => {
    const most = Math.floor((width - 6) / CHARACTER)
    return words.length <= most ? words : most < 8 ? '' : `${words.slice(0, most - 1)}…`
  }
  const drawSpan = (span) => {
    const [left, right] = [x(span.begin), x(span.end ?? last)]
    const width = Math.max(right - left, 1)
    const isOpen = span.end === undefined
    const look = isOpen
      ? `fill="#fbe9e7" stroke="#b3261e" stroke-dasharray="4 3"`
      : `fill="${colourOf(span.name)}"`
    parts.push(`<rect x="${left}" y="${y + 2}" width="${round(width)}" height="${ROW - 4}" rx="2" ${look}/>`)
    const words = fitting(isOpen ? `${span.label}: never ended` : span.label, width)
    if (words !== '') text(left + 5, y + ROW / 2 + 4, words, { fill: isOpen ? '#8c1d18' : '#ffffff' })
  }
  const drawInstants = (row) => {
    row.forEach((event, k) => {
      const left = x(event.begin)
      const next = row[k + 1]
      const colour = colourOf(event.name)
      parts.push(`<path d="M${left} ${y + 4}l4 8l-4 8l-4 -8z" fill="${colour}"/>`)
      const words = event.label
      const room = (next === undefined ? WIDTH - RIGHT : x(next.begin)) - left - 12
      const width = words.length * CHARACTER
      if (width <= room) text(left + 7, y + ROW / 2 + 4, words)
      else if (next === undefined && row.length === 1 && left - width > LABELS)
        text(left - 7, y + ROW / 2 + 4, words, { anchor: 'end' })
    })
  }
  for (const [process, ofProcess] of grouped(shown, ({ pid }) => pid)) {
    for (const [thread, ofThread] of grouped(ofProcess, ({ tid }) => tid)) {
      const name = (titles.get(process) ?? 'process').replace(/^\S*\//, '')
      text(8, y + 16, `${name} ${process}, thread ${thread}`, { weight: 600 })
      y += ROW
      const begun = ofThread.filter((one) => spans.includes(one))
      const rows = [
        ...[...grouped(begun, (span) => span.name)].flatMap(([of, all]) =>
          rowsOf(all).map((row, k) => [k === 0 ? of : '', row, true]),
        ),
        ...[
          ...grouped(
            ofThread.filter((one) => !begun.includes(one)),
            (event) => event.name,
          ),
        ].map(([of, all]) => [of, all, false]),
      ]
      rows.forEach(([of, row, isSpans], k) => {
        if (k % 2 === 0) parts.push(`<rect y="${y}" width="${WIDTH}" height="${ROW}" fill="${STRIPE}"/>`)
        text(LABELS - 10, y + ROW / 2 + 4, of, { fill: DIM, anchor: 'end' })
        if (isSpans) row.forEach(drawSpan)
        else drawInstants(row)
        y += ROW
      })
      y += GAP
    }
  }
  const height = y + 8
  const step = stepOf(to - from)
  const ruler = []
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    ruler.push(`<path d="M${x(at)} ${TOP - 8}V${height - 8}" stroke="${LINE}"/>`)
    const isLast = x(at) > WIDTH - 40
    ruler.push(
      `<text x="${x(at)}" y="${TOP - 14}" fill="${DIM}" font-size="11" text-anchor="${isLast ? 'end' : 'middle'}">${Number(at.toFixed(3))} ms</text>`,
    )
  }
  const head = `<text x="8" y="24" fill="${INK}" font-size="15" font-weight="600">${escaped(title)}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif"><rect width="${WIDTH}" height="${height}" fill="${GROUND}"/>${head}${ruler.join('')}${parts.join('')}</svg>\n`
}

/** The pictures of docs/tracing.md: all of it, one slow request, and the end. */
function drawExample() {
  const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
  const out = mkdtempSync(join(tmpdir(), 'rseq-draw-'))
  try {
    execFileSync(process.execPath, [path('examples/trace-service/main.mjs'), out], { stdio: 'ignore' })
    const trace = readTrace(join(out, 'chrome.json'))
    const requests = trace.spans.filter(({ name }) => name === 'shop:request')
    // Not the first one, for which much is compiled.
    const slow = requests.filter(({ begin, end }) => end - begin > 50)
    const [, second] = slow
    const open = requests.find(({ end }) => end === undefined)
    const pictures = {
      'docs/trace-all.svg': {
        title: `All that the service did: ${requests.length} requests, of which ${slow.length} are slow, and its end`,
      },
      'docs/trace-slow.svg': {
        title: 'A slow request: the query of reviews',
        ...{ from: second.begin - 1, to: second.end + 2 },
      },
      'docs/trace-end.svg': {
        title: 'The end: the payment was charged, and never confirmed',
        ...{ from: open.begin - 1, to: trace.last + 0.2 },
      },
    }
    for (const [file, picture] of Object.entries(pictures)) writeFileSync(path(file), draw(trace, picture))
  } finally {
    rmSync(out, { recursive: true })
  }
}

const [, , given, out, from, to] = process.argv
if (given === undefined) drawExample()
else {
  const trace = readTrace(given)
  const times = { from: Number(from ?? 0), to: Number(to ?? trace.last) }
  writeFileSync(out, draw(trace, { title: given, ...times }))
}
