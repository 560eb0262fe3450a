// Records events of a trace, one after the other. Says after each hundred how many there are, and goes on when it gets a line, until it
// is killed.
import { readSync, writeSync } from 'node:fs'
import { openShared } from '../../../lib/shared/index.js'
import { defineEvents } from '../../../lib/trace/index.js'

const { directory, schema } = JSON.parse(process.argv[2])
const trace = defineEvents('killed', schema).open(openShared('shop', { directory }))
const line = Buffer.alloc(1)
for (let k = 0; ; k += 2) {
  const end = trace.work(k)
  trace.numbered(k, `number ${k}`)
  if (k % 200 === 0) {
    writeSync(1, `${k}\n`)
    readSync(0, line)
  }
  end(k + 1)
}
