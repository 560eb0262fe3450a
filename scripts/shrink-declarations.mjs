// Makes the declarations in lib smaller, as users install them: takes the comments out of those of internal modules, as
// editors show those of public ones only, and indents all by tabs, where the compiler indents by four spaces. The reference
// and src/ keep all comments. To run it again changes nothing, as the compiler writes only what has changed.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const lib = join(dirname(dirname(fileURLToPath(import.meta.url))), 'lib')
const INTERNAL = ['cli', 'core', 'inspect', 'native', 'portable', 'runtime']
/** Internal modules of rseq/metrics. */
const OF_METRICS = [
  ...['buckets', 'check-schema', 'families', 'file-head', 'internals', 'label-table', 'layout', 'layouts'],
  ...['observing', 'pieces', 'process-columns', 'process-gauge', 'read', 'schema-text', 'series-cache'],
  ...['service-memory', 'store'],
]
/** Modules of core that users see: their errors and options. */
const PUBLIC = new Set(['core/abort.d.ts', 'core/errors.d.ts', 'core/describe.d.ts'])
/** Modules of prom-client that users do not see. */
const BEHIND_PROM_CLIENT = [
  ...[
    'cells',
    'children',
    'collecting',
    'exposition',
    'index-of-series',
    'line-cache',
    'memory',
    'process-gauge',
  ],
  ...['quantiles', 'series-memory', 'service-memory'],
]
/** Modules of rseq/shared, and of maps, that users do not see. */
const BEHIND_SHARED = [
  'files',
  'generations',
  'kinds',
  'map-specification',
  'merge-histograms',
  'specification',
]
const BEHIND_MAPS = [
  ...['chains', 'computing', 'fetching', 'key', 'memory', 'mutexes', 'open-map', 'reader', 'statistics'],
  ...['target', 'value', 'writer'],
]

/** Modules of histograms that users do not see. */
const BEHIND_HISTOGRAMS = ['encoding', 'zlib-stream']

function* internalFiles() {
  for (const folder of INTERNAL) {
    for (const name of readdirSync(join(lib, folder), { recursive: true })) {
      const file = join(folder, name)
      if (/\.d\.c?ts$/.test(name) && !PUBLIC.has(file)) yield file
    }
  }
  for (const name of BEHIND_PROM_CLIENT) yield join('prom-client', `${name}.d.ts`)
  for (const name of OF_METRICS) yield join('metrics', `${name}.d.ts`)
  for (const name of BEHIND_SHARED) yield join('shared', `${name}.d.ts`)
  for (const name of BEHIND_MAPS) yield join('map', `${name}.d.ts`)
  for (const name of BEHIND_HISTOGRAMS) yield join('histogram', `${name}.d.ts`)
}

/** Changes the text of a file in lib, if it is not so already. */
function rewrite(file, change) {
  const text = readFileSync(join(lib, file), 'utf8')
  const changed = change(text)
  if (changed !== text) writeFileSync(join(lib, file), changed)
}

for (const file of internalFiles()) rewrite(file, (text) => text.replaceAll(/^[ \t]*\/\*\*[^]*?\*\/\n/gm, ''))
for (const file of readdirSync(lib, { recursive: true })) {
  if (!/\.d\.c?ts$/.test(file)) continue
  rewrite(file, (text) => text.replaceAll(/^(?: {4})+/gm, (spaces) => '\t'.repeat(spaces.length / 4)))
}
