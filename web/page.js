/**
 * The page of `rseq top --web`: asks for a snapshot again and again while somebody looks, and draws it.
 *
 * All that it shows comes from files that any process of the user may have written, so it makes text of it, never markup.
 */
import uPlot from './uplot.js'

const ROW_HEIGHT = 26
/** Rows beyond the visible ones, above and below. */
const SPARE_ROWS = 6
/** Snapshots that the chart shows. */
const HISTORY = 300

const element = (id) => document.getElementById(id)
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** A number for people; a dash where there is none. */
function text(number) {
  if (number === null || number === undefined) return '–'
  return Math.abs(number) < 1e12 ? whole.format(number) : short.format(number)
}

/** Returns a new element with a class and a text. */
function made(tag, content = '', className = '') {
  const node = document.createElement(tag)
  node.textContent = content
  if (className !== '') node.className = className
  return node
}

/** What the page knows: the last snapshot, the rates since the one before, and how objects developed. */
const state = {
  snapshot: undefined,
  rates: new Map(),
  history: new Map(),
  filter: '',
  sort: 'rate',
  selected: undefined,
  isPaused: false,
  shown: [],
}

const ORDERS = {
  rate: (a, b) =>
    (state.rates.get(b.file) ?? -Infinity) - (state.rates.get(a.file) ?? -Infinity) || byName(a, b),
  total: (a, b) => (b.total ?? -Infinity) - (a.total ?? -Infinity) || byName(a, b),
  bytes: (a, b) => b.bytes - a.bytes || byName(a, b),
  kind: (a, b) => a.kind.localeCompare(b.kind) || byName(a, b),
  name: byName,
}

function byName(a, b) {
  return a.name.localeCompare(b.name, 'en', { numeric: true }) || a.file.localeCompare(b.file)
}

/** Takes a snapshot in: rates and history of each object. Objects that are gone are forgotten. */
function take(snapshot) {
  const before = new Map(state.snapshot?.objects.map((object) => [object.file, object]))
  const seconds = (snapshot.at - (state.snapshot?.at ?? snapshot.at)) / 1000
  const files = new Set(snapshot.objects.map(({ file }) => file))
  for (const file of state.history.keys()) if (!files.has(file)) state.history.delete(file)
  state.rates.clear()
  for (const object of snapshot.objects) {
    const last = before.get(object.file)?.total
    const isKnown = seconds > 0 && typeof last === 'number' && typeof object.total === 'number'
    const rate = isKnown ? (object.total - last) / seconds : null
    if (rate !== null) state.rates.set(object.file, rate)
    const history = state.history.get(object.file) ?? { times: [], rates: [], totals: [] }
    history.times.push(Date.parse(snapshot.time) / 1000)
    history.rates.push(rate)
    history.totals.push(object.total ?? null)
    if (history.times.length > HISTORY) for (const list of Object.values(history)) list.shift()
    state.history.set(object.file, history)
  }
  state.snapshot = snapshot
}

/** The bars of an object's CPUs, and of the overflow shard as the last one. */
function bars(object) {
  const shares = [...(object.perCpu ?? []), ...(object.overflow ? [object.overflow] : [])]
  const most = Math.max(1e-300, ...shares.map(Math.abs))
  const box = made('span', '', 'bars')
  shares.forEach((share, i) => {
    const bar = made('i', '', i >= (object.perCpu?.length ?? 0) ? 'overflow' : '')
    bar.style.height = `${(100 * Math.abs(share)) / most}%`
    bar.title = `${i >= object.perCpu.length ? 'overflow' : `CPU ${i}`}: ${text(share)}`
    box.append(bar)
  })
  return box
}

function row(object, index) {
  const node = made('div', '', 'row')
  node.setAttribute('role', 'option')
  node.setAttribute('aria-selected', String(object.file === state.selected))
  node.dataset.file = object.file
  node.style.top = `${index * ROW_HEIGHT}px`
  const rate = state.rates.get(object.file)
  const problem = object.content === 'unknown'
  node.append(
    made('span', object.name),
    made('span', object.kind),
    made('span', problem ? 'unreadable' : text(object.total), problem ? 'dead' : ''),
    made('span', text(rate)),
    bars(object),
  )
  node.title = problem ? object.problem : object.file
  return node
}

/** Draws the rows that are in sight, of objects that pass the filter. */
function drawRows() {
  const scroll = element('scroll')
  const first = Math.max(0, Math.floor(scroll.scrollTop / ROW_HEIGHT) - SPARE_ROWS)
  const count = Math.ceil(scroll.clientHeight / ROW_HEIGHT) + 2 * SPARE_ROWS
  const visible = state.shown.slice(first, first + count)
  element('rows').style.height = `${state.shown.length * ROW_HEIGHT}px`
  element('rows').replaceChildren(...visible.map((object, i) => row(object, first + i)))
}

function drawList() {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean)
  const objects = state.snapshot?.objects ?? []
  state.shown = objects
    .filter((object) => words.every((word) => `${object.name} ${object.kind}`.toLowerCase().includes(word)))
    .sort(ORDERS[state.sort])
  element('shown').textContent = `${state.shown.length} of ${objects.length} objects`
  drawRows()
}

/** What an object says beyond total and CPUs, as pairs of a term and a text. */
function factsOf(object) {
  const holder = (owner) =>
    owner === null
      ? 'nobody'
      : `slot ${owner.slot}, thread ${owner.thread}${owner.living === false ? ' (dead)' : ''}`
  const facts = [
    ['file', object.file],
    ['memory', `${text(object.bytes)} bytes, ${text(object.allocated)} allocated`],
    ['made', object.made],
  ]
  if (object.content === 'unknown') facts.unshift(['problem', object.problem])
  if (object.content === 'counters' && object.length > 1) {
    facts.push(['values', object.values.map(text).join('  ')])
  }
  if (object.content === 'histogram') {
    facts.unshift(['total', 'values'])
    const { sum, min, p50, p90, p99, max } = object
    for (const [term, value] of Object.entries({ sum, min, p50, p90, p99, max }))
      facts.push([term, text(value)])
  }
  if (object.content === 'ring') {
    facts.unshift(['total', 'bytes ever written'])
    const held = object.fill.reduce((all, bytes) => all + bytes, 0)
    facts.push(
      ['policy', object.policy],
      ['held', `${text(held)} bytes; each CPU has room for ${text(object.capacity)}`],
      ['dropped', `${text(object.dropped)} records`],
      ['reader', holder(object.reader)],
    )
  }
  if (object.content === 'pool') {
    facts.unshift(['total', 'free blocks'])
    facts.push([
      'blocks',
      `${text(object.total)} free, ${text(object.taken)} taken, of ${text(object.blockSize)} bytes`,
    ])
  }
  for (const { slot, living, count } of object.holders ?? []) {
    const who = slot === 0 ? 'nobody known' : `slot ${slot}${living === false ? ', which died,' : ''}`
    facts.push(['held', `${who} has ${text(count)} of them`])
  }
  for (const lock of object.locks ?? []) {
    const name = lock.cpu === null ? 'lock' : `lock of ${lock.cpu}`
    const awaited = lock.isAwaited ? ', others wait' : ''
    const died = lock.ownerDied ? '; its last owner died' : ''
    facts.push([name, `${holder(lock.owner)}${awaited}${died}`])
  }
  return facts
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
let chart

function makeChart() {
  chart?.destroy()
  const axis = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  const values = (_, splits) => splits.map((value) => short.format(value))
  chart = new uPlot(
    {
      width: element('chart').clientWidth,
      height: 190,
      series: [
        {},
        {
          label: 'per second',
          stroke: colour('--accent'),
          width: 2,
          points: { show: false },
          value: (_, value) => text(value),
        },
        {
          label: 'total',
          stroke: colour('--second'),
          scale: 'total',
          points: { show: false },
          value: (_, value) => text(value),
        },
      ],
      axes: [
        axis,
        { ...axis, values, size: 60 },
        { ...axis, values, size: 60, scale: 'total', side: 1, grid: { show: false } },
      ],
    },
    [[], [], []],
    element('chart'),
  )
}

function drawDetail() {
  const object = state.snapshot?.objects.find(({ file }) => file === state.selected)
  element('selected').textContent = object === undefined ? 'no object' : `${object.name} (${object.kind})`
  const { times = [], rates = [], totals = [] } = state.history.get(object?.file) ?? {}
  chart.setData([times, rates, totals])
  const shares = (object?.perCpu ?? []).map((share, cpu) => [`CPU ${cpu}`, share])
  if (object?.overflow) shares.push(['overflow', object.overflow])
  const most = Math.max(1e-300, ...shares.map(([, share]) => Math.abs(share)))
  const lines = shares.map(([name, share]) => {
    const line = made('div', '', name === 'overflow' ? 'cpu overflow' : 'cpu')
    const bar = made('b')
    bar.style.width = `${(100 * Math.abs(share)) / most}%`
    line.append(made('span', name), bar, made('span', text(share)))
    return line
  })
  element('cpus').replaceChildren(...lines)
  const facts = object === undefined ? [] : factsOf(object)
  element('facts').replaceChildren(...facts.flatMap(([term, fact]) => [made('dt', term), made('dd', fact)]))
}

function drawService() {
  const { service, path, processes, objects, problems } = state.snapshot
  const bytes = objects.reduce((all, object) => all + object.allocated, 0)
  document.title = `${service} – rseq top`
  element('service').textContent = service
  const living = processes.filter((process) => process.living !== false)
  element('summary').textContent =
    `${path}: ${living.length === 1 ? '1 process' : `${living.length} processes`}, ${short.format(bytes)}B allocated`
  element('problems').replaceChildren(...problems.map((problem) => made('li', problem)))
  const rows = processes.map(({ slot, pid, living, since, title }) => {
    const node = made('tr', '', living === false ? 'dead' : '')
    const word = living === null ? 'unknown' : living ? 'lives' : 'ended'
    node.append(...[String(slot), String(pid), word, since, title].map((content) => made('td', content)))
    return node
  })
  element('slots').replaceChildren(...rows)
}

function draw() {
  state.selected ??= [...(state.snapshot?.objects ?? [])].sort(ORDERS.name)[0]?.file
  drawService()
  drawList()
  drawDetail()
}

function tell(words, isLost = false) {
  element('state').textContent = words
  element('state').className = isLost ? 'lost' : ''
}

/** Asks for snapshots, one after the other, while the page is in sight and not paused. */
async function follow() {
  for (;;) {
    const begin = performance.now()
    if (!state.isPaused && !document.hidden) {
      try {
        const response = await fetch('snapshot.json', { signal: AbortSignal.timeout(10_000) })
        if (!response.ok) throw new Error(await response.text())
        const { snapshot, interval } = await response.json()
        state.interval = interval
        if (!state.isPaused) {
          take(snapshot)
          draw()
          tell('live')
        }
      } catch (error) {
        tell(`no answer: ${error.message}`, true)
      }
    }
    const rest = (state.interval ?? 1000) - (performance.now() - begin)
    await new Promise((resolve) => setTimeout(resolve, Math.max(100, rest)))
  }
}

element('filter').addEventListener('input', ({ target }) => {
  state.filter = target.value
  element('scroll').scrollTop = 0
  drawList()
})
element('sort').addEventListener('change', ({ target }) => {
  state.sort = target.value
  drawList()
})
element('pause').addEventListener('click', ({ target }) => {
  state.isPaused = !state.isPaused
  target.setAttribute('aria-pressed', String(state.isPaused))
  target.textContent = state.isPaused ? 'Go on' : 'Pause'
  tell(state.isPaused ? 'paused' : 'live')
})
element('tools').addEventListener('submit', (event) => event.preventDefault())
element('scroll').addEventListener('scroll', drawRows)
element('rows').addEventListener('click', ({ target }) => {
  state.selected = target.closest('.row')?.dataset.file ?? state.selected
  drawList()
  drawDetail()
})
element('scroll').addEventListener('keydown', (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (step === undefined) return
  event.preventDefault()
  const at = state.shown.findIndex(({ file }) => file === state.selected)
  const next = Math.min(state.shown.length - 1, Math.max(0, at + step))
  state.selected = state.shown[next]?.file
  element('scroll').scrollTop = Math.min(
    next * ROW_HEIGHT,
    Math.max(element('scroll').scrollTop, (next + 1) * ROW_HEIGHT - element('scroll').clientHeight),
  )
  drawList()
  drawDetail()
})
addEventListener('resize', () => {
  chart.setSize({ width: element('chart').clientWidth, height: 190 })
  drawRows()
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  makeChart()
  drawDetail()
})

makeChart()
await follow()
