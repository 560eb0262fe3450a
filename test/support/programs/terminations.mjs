// Terminates workers in every public call and while they import the package, and prints what is left: the process, if
// it is there to print anything; and the handles that are open.
import { info } from '../../../lib/index.js'
import { loadNative } from '../../../lib/native/binding.js'
import { terminableCalls } from '../public-calls.mjs'
import { makeRandom } from '../../chaos/random.mjs'
import { runAll, terminateInCall, terminateInImport, turnsOfImport } from '../terminations.mjs'

const LANES = 3
const {
  inCalls = 0,
  inImports = 0,
  inCareless = 0,
  supportFile,
  seed = Date.now(),
} = JSON.parse(process.argv[2])
const random = makeRandom(seed)
const openHandles = () => (info().backend === 'native' ? loadNative().openHandles() : 0)
const calls = terminableCalls()
const before = openHandles()
const failures = []

const note = (name) => (failure) => {
  if (failure !== null) failures.push(`${name}: ${failure.message}`)
}
const repeat = (times, job) => Array.from({ length: times }, () => job)
const most = inImports > 0 ? await turnsOfImport() : 0
await runAll(
  [
    ...repeat(inCalls, calls)
      .flat()
      .map((name) => () => terminateInCall(random, name).then(note(name))),
    ...repeat(inImports, () => terminateInImport(random, most).then(note('import'))),
    ...repeat(inCareless, () => terminateInCall(random, 'careless', { supportFile })),
  ],
  LANES,
)
console.log(
  JSON.stringify({
    calls,
    terminated: inCalls * calls.length + inImports,
    failures,
    before,
    after: openHandles(),
    seed,
  }),
)
