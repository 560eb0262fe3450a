/** Ends a test file unless the runtime of EXPECTED_RUNTIME runs it: vitest starts processes of its own. */
import { info } from '../../lib/index.js'

const expected = process.env['EXPECTED_RUNTIME']
const { runtime } = info()
if (runtime !== expected) throw new Error(`expected ${String(expected)} to run this test, got ${runtime}`)
