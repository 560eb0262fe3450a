/** The contents of the tarball. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { expect, inject, test } from 'vitest'
import { NODES } from '../../scripts/node-versions.mjs'
import { ARCHITECTURES } from '../../scripts/prebuild.mjs'
import { installInto } from './support/install.js'
import { makeProject, run, smoke, temporary } from './support/project.js'

const MOST_BYTES = 3_000_000

const packed = inject('packed')
const at = (path: string): string => join(packed.installed, 'node_modules/rseq', path)
const manifest = JSON.parse(readFileSync(at('package.json'), 'utf8')) as Record<string, unknown>

test('it is small', ({ annotate }) => {
  const kinds = Object.entries({ lib: /^lib\//, prebuilds: /^prebuilds\//, native: /^native\// })
  const counts = kinds.map(
    ([kind, start]) => `${packed.files.filter((file) => start.test(file)).length} in ${kind}`,
  )
  const sizes = `${packed.size} bytes, ${packed.unpackedSize} unpacked, ${counts.join(', ')}`
  console.log(sizes)
  expect(packed.size).toBeLessThan(MOST_BYTES)
  return annotate(sizes)
})

test('it has what it is to have', () => {
  const binaries = Object.keys(ARCHITECTURES).flatMap((arch) => [
    ...NODES.map(({ abi }) => `prebuilds/linux-${arch}/rseq.abi${abi}.glibc.node`),
    `prebuilds/linux-${arch}/rseq.glibc.node`,
  ])
  expect(packed.files.filter((file) => file.startsWith('prebuilds/')).sort()).toEqual(binaries.sort())
  for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md', 'lib/index.js', 'lib/index.d.ts']) {
    expect(packed.files).toContain(file)
  }
  for (const file of [
    'rseq/thread.h',
    'rseq/arch/arm64.S',
    'percpu/counter.cc',
    'rseq_library.cc',
    'addon.gypi',
  ]) {
    expect(packed.files).toContain(`native/${file}`)
  }
  const unwanted =
    /^(src|test|tools|scripts|bench|build|examples)\/|native\/test|\.tsbuildinfo$|prebuilds\/README/
  expect(packed.files.filter((file) => unwanted.test(file))).toEqual([])
})

test('nothing makes npm compile it, or run anything', () => {
  expect(packed.files).not.toContain('binding.gyp')
  expect(manifest['gypfile']).toBe(false)
  const scripts = Object.keys(manifest['scripts'] as object)
  expect(scripts.filter((name) => /^(pre|post)?install$|^prepare$|^prepublish$/.test(name))).toEqual([])
})

test('lib has modules and their types, and nothing else: no source map, no inlined source', () => {
  const files = packed.files.filter((file) => file.startsWith('lib/'))
  expect(files.filter((file) => !/\.(js|cjs|mjs|d\.ts|d\.cts)$/.test(file))).toEqual([])
  for (const file of files.filter((name) => /js$/.test(name))) {
    expect(readFileSync(at(file), 'utf8'), file).not.toContain('sourceMappingURL')
    // Those of lib/cjs are put together in other ways than their types.
    if (!file.startsWith('lib/cjs/'))
      expect(files).toContain(file.replace(/js$/, 'ts').replace(/\.(c?)ts$/, '.d.$1ts'))
  }
})

/** Capabilities that joined after the bound of the CommonJS twin was set. */
const HEAPS = 30_000
const TREES = 16_000
const MAPS = 88_000
const KEYV = 9_000
const METRICS_OF_MAPS = 9_000
const RCU = 20_000
const REGISTRATION = 5_000
const ZLIB_STREAMS = 8_000
const RUNTIMES = 3_000

/** Bytes that capabilities which joined after the bound of 0.55 MB was set may add to lib, by their folders. */
const JOINED: Readonly<Record<string, number>> = {
  'metrics of processes': 25_000,
  'prom-client': 138_000,
  shared: 66_000,
  trace: 140_000,
  inspect: 142_000,
  web: 12_000,
  formats: 32_000,
  series: 52_000,
  recorder: 36_000,
  exchange: 20_000,
  conditions: 32_000,
  'sources of traces': 16_000,
  'viewers of traces': 5_000,
  'time namespaces': 2_000,
  'two-backends': 7_000,
  // The bound of what there was, and those of what joined since: each has a twin.
  cjs: 720_000 + HEAPS + TREES + MAPS + RCU + KEYV + METRICS_OF_MAPS + REGISTRATION + ZLIB_STREAMS + RUNTIMES,
  'series of other addons': 3_000,
  'metrics without their schema': 12_000,
  demo: 66_000,
  report: 13_000,
  'backend info': 1_000,
  heap: HEAPS,
  'counter tree': TREES,
  map: MAPS,
  keyv: KEYV,
  'metrics of maps': METRICS_OF_MAPS,
  rcu: RCU,
  registration: REGISTRATION,
  'zlib streams': ZLIB_STREAMS,
  runtimes: RUNTIMES,
}
/** Files of other folders that belong to `inspect`, the views from outside. */
const OF_VIEWS = /^lib\/(cli\/(ls|dump|objects|rm|top|top\/\w+)|shared\/clock-file)\./

/** Modules of rseq/metrics for memory that processes share. */
const OF_PROCESSES = /^lib\/metrics\/(aggregator|families|process-columns|process-gauge|service-memory)\./

/** Metrics of maps. */
const OF_METRICS_OF_MAPS = /^lib\/metrics\/maps\./

/** The command of `series`, the metrics of a service from outside, and what it shares with `rseq top`. */
const OF_SERIES = /^lib\/(cli\/(metrics|interruption|whole-number)|inspect\/metric-snapshot)\./

/** Reading metrics of processes by the schema that their file holds. */
const OF_SCHEMALESS = /^lib\/(series\/metrics-\w+|metrics\/(file-head|schema-text))\./

/** The recorder of traces, with the packets that it shares with the export, and its command. */
const OF_RECORDER = /^lib\/(trace\/(recorder\/|ctf\/(packets|record-cursor)\.)|cli\/trace-record\.)/

/** Formats of traces that joined later: CTF 2 and OTLP. */
const OF_EXCHANGE = /^lib\/trace\/(ctf\/metadata2|export\/otlp)\./

/** `rseq demo`, and what it shares with `rseq top`. */
const OF_DEMO = /^lib\/cli\/(demo|demo\/[\w-]+|top\/line-text)\./

/** `rseq report`, and the words for a proof that it shares with `rseq verify`. */
const OF_REPORT = /^lib\/cli\/(findings|report|report\/[\w-]+)\./

/** The labels of rseq_info. */
const OF_BACKEND_INFO = /^lib\/thread\/backend-labels\./

/** Series of rseq/metrics that other addons update. */
const OF_ADDONS = /^lib\/metrics\/native-series\./

/** Maps, whose layout the views from outside read as well. */
const OF_MAPS =
  /^lib\/(map\/|core\/(map-layout|keyed-hash)\.|(cli|inspect|shared)\/map-(view|file|specification)\.)/

/** Which events are recorded, by their values and in time, and the contexts that they have. */
const OF_CONDITIONS = /^lib\/trace\/(filter|controls|gate|contexts)\./

/** What records `console`, errors that nobody handles, and pino's lines; migrations, which a reader sees. */
const OF_SOURCES = /^lib\/trace\/(sources\/|read\/migrations\.)/

/** What viewers of a trace show beside its events. */
const OF_VIEWERS = /^lib\/trace\/(export\/(additions|counters)|read\/thread-name)\./

/** Samples of the clocks in several time namespaces. */
const OF_NAMESPACES = /^lib\/shared\/clock-places\./

/** The command of `trace`. */
const OF_TRACES = /^lib\/cli\/trace\./

/** Modules of rseq/metrics that belong to `formats`: names of UTF-8, negotiation, and OpenTelemetry's producer. */
const OF_FORMATS = /^lib\/metrics\/(names|negotiation|opentelemetry-producer)\./

/** Shared memory in processes whose own memory is the portable backend's. */
const OF_TWO_BACKENDS = /^lib\/runtime\/two-backends\./

/** Readers that never wait, and grace periods. */
const OF_RCU = /^lib\/lock\/(rcu|rcu-memory|grace-period|take-mutex)\./

/** Counters with a tree. */
const OF_TREES = /^lib\/(core|counter|portable)\/counter-tree/

/** What `info()` and `rseq info` say about a thread's registration. */
const OF_REGISTRATION = /^lib\/(thread\/registered-area|cli\/registration)\./

/** Streams of zlib without node:zlib. */
const OF_ZLIB_STREAMS = /^lib\/histogram\/zlib-stream\./

/** Which runtime it is, and what it forbids. */
const OF_RUNTIMES = /^lib\/core\/runtime\./

/** Heaps, and their twin in TypeScript. */
const OF_HEAPS = /^lib\/(heap\/|core\/heap-classes\.|portable\/heap)/

/** Capabilities with files in the folders of others. */
const MOVED = [
  ['map', OF_MAPS],
  ['rcu', OF_RCU],
  ['registration', OF_REGISTRATION],
  ['runtimes', OF_RUNTIMES],
  ['demo', OF_DEMO],
  ['report', OF_REPORT],
  ['backend info', OF_BACKEND_INFO],
  ['metrics of processes', OF_PROCESSES],
  ['metrics of maps', OF_METRICS_OF_MAPS],
  ['inspect', OF_VIEWS],
  ['formats', OF_FORMATS],
  ['trace', OF_TRACES],
  ['metrics without their schema', OF_SCHEMALESS],
  ['series', OF_SERIES],
  ['recorder', OF_RECORDER],
  ['exchange', OF_EXCHANGE],
  ['conditions', OF_CONDITIONS],
  ['sources of traces', OF_SOURCES],
  ['viewers of traces', OF_VIEWERS],
  ['time namespaces', OF_NAMESPACES],
  ['two-backends', OF_TWO_BACKENDS],
  ['series of other addons', OF_ADDONS],
  ['heap', OF_HEAPS],
  ['counter tree', OF_TREES],
  ['zlib streams', OF_ZLIB_STREAMS],
] as const

test('lib is at most 0.55 MB without what joined later and its CommonJS twin, which have bounds of their own', ({
  annotate,
}) => {
  const sizes = new Map<string, number>()
  for (const file of packed.files.filter((name) => name.startsWith('lib/'))) {
    const [joined] = MOVED.find(([, files]) => files.test(file)) ?? []
    const folder = joined ?? (file.split('/')[1] as string)
    const part = folder in JOINED ? folder : 'the rest'
    sizes.set(part, (sizes.get(part) ?? 0) + statSync(at(file)).size)
  }
  for (const [part, bytes] of sizes) expect(bytes, part).toBeLessThanOrEqual(JOINED[part] ?? 550_000)
  return annotate(JSON.stringify(Object.fromEntries(sizes)))
})

test('installing it installs at most 4 packages, because none of its dependencies has dependencies', () => {
  const lock = JSON.parse(readFileSync(join(packed.installed, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dependencies?: Record<string, string> }>
  }
  const { '': project, 'node_modules/rseq': rseq, ...others } = lock.packages
  expect(Object.keys(project?.dependencies ?? {})).toEqual(['rseq'])
  const names = Object.keys(rseq?.dependencies ?? {})
  expect(names.length).toBeLessThanOrEqual(3)
  expect(Object.keys(others).sort()).toEqual(names.map((name) => `node_modules/${name}`).sort())
  for (const other of Object.values(others)) expect(other.dependencies).toBeUndefined()
})

test('the library needs no other package: those are for the command line and for compiling', async () => {
  const project = makeProject()
  const others = readdirSync(join(project, 'node_modules')).filter((name) => name !== 'rseq')
  expect(others).toContain('commander')
  for (const name of others) rmSync(join(project, 'node_modules', name), { recursive: true })
  const { counted, expected } = await smoke('esm.mjs', { cwd: project })
  expect(counted).toBe(expected)
  const command = await run(['node_modules/rseq/lib/cli/main.js', 'info'], { cwd: project })
  expect(command.stderr).toContain("Cannot find package 'commander'")
})

test('rseq-lint is one file that runs on its own, and finds the packed binaries in order', async () => {
  const project = temporary()
  const tool = fileURLToPath(new URL('../../tools/lint', import.meta.url))
  execFileSync('npm', ['pack', '--pack-destination', project], { cwd: tool, stdio: 'ignore' })
  const [tarball = ''] = readdirSync(project)
  installInto(project, join(project, tarball))
  expect(readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
    'rseq-lint',
  ])
  const binaries = packed.files.filter((file) => file.endsWith('.node')).map(at)
  const { status, stdout } = await run(['node_modules/rseq-lint/rseq-lint.mjs', ...binaries], {
    cwd: project,
  })
  expect(status).toBe(0)
  expect(stdout.match(/^ {2}\d+ sections, 0 findings$/gm)).toHaveLength(binaries.length)
})

test('every path in the export map is there', () => {
  const paths = JSON.stringify([manifest['exports'], manifest['main'], manifest['types'], manifest['bin']])
  const named = Array.from(paths.matchAll(/"(?:\.\/)?((?:lib\/|package)[^"]*)"/g), ([, path]) => path)
  expect(named.length).toBeGreaterThan(8)
  for (const path of named) expect(packed.files).toContain(path)
})

test('the static entries name the binaries that there are', () => {
  for (const arch of Object.keys(ARCHITECTURES)) {
    const text = readFileSync(at(`lib/native/static/linux-${arch}.cjs`), 'utf8')
    const named = Array.from(text.matchAll(/require\('(?:\.\.\/)+(prebuilds\/.*?)'\)/g), ([, path]) => path)
    const there = packed.files.filter((file) => file.startsWith(`prebuilds/linux-${arch}/`))
    expect(named.sort()).toEqual(there.sort())
  }
})

test('publint finds nothing', async () => {
  const { messages, pkg } = await publint({ pkgDir: at('.'), strict: true, pack: false })
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
})

/** Exit status of are-the-types-wrong. */
function judgeTypes(...options: string[]): number | null {
  const attw = createRequire(import.meta.url).resolve('@arethetypeswrong/cli/package.json')
  return spawnSync(process.execPath, [join(attw, '../dist/index.js'), packed.file, ...options]).status
}

test('the types are right for every way to resolve them', () => {
  expect(judgeTypes()).toBe(0)
})
