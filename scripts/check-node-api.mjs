// Finds uses of Node-API and V8 in native/addon whose result is not checked. In a Worker that is being terminated almost
// every call may be refused; its results are then empty, and using them ends the process.
//
//   node scripts/check-node-api.mjs [FILE...]
//
// The compiler checks that callers use the result of succeeded() (native/addon/js.h). This script checks that every call is
// an argument of succeeded() or ignored().
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const addon = join(root, 'native/addon')

/** Patterns that a line must not contain, and the reasons. */
const FORBIDDEN = [
  [/\bNapi::|<napi\.h>/, 'node-addon-api hands out empty values where Node-API refuses'],
  [
    /\bToLocalChecked\b|\bToChecked\b|\bFromJust\b|\bCheck\(\)/,
    'V8 ends the process if there is no value: use ToLocal or To',
  ],
  [
    /\b(?:napi_fatal_error|napi_fatal_exception|abort|assert|exit|_exit|quick_exit|std::terminate)\s*\(/,
    'ends the process',
  ],
]
/** The only calls that ignored() may have: they release something or throw, and a caller can do nothing if they fail. */
const IGNORABLE =
  /^(?:napi_delete_reference|napi_close_handle_scope|napi_throw_error|napi_adjust_external_memory)$/

/** The text without comments and strings, with all its lines. */
function codeOf(text) {
  return text.replace(/\/\*[^]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"/g, (match) =>
    match.replace(/[^\n]/g, ' '),
  )
}

/** The mistakes in the text of one file: lines and reasons. */
export function findUnchecked(text) {
  const code = codeOf(text)
  const found = []
  const report = (index, reason) => found.push({ line: code.slice(0, index).split('\n').length, reason })
  for (const [pattern, reason] of FORBIDDEN) {
    for (const { index } of code.matchAll(new RegExp(pattern, 'g'))) report(index, reason)
  }
  for (const { index, 1: name } of code.matchAll(/\b((?:napi|node_api)_\w+)\s*\(/g)) {
    const wrapper = /\b(succeeded|ignored)\(\s*$/.exec(code.slice(0, index))?.[1]
    if (wrapper === undefined) report(index, `${name}(): nobody looks at its status`)
    else if (wrapper === 'ignored' && !IGNORABLE.test(name))
      report(index, `${name}(): its status must not be ignored`)
  }
  // The expression that makes a MaybeLocal or Maybe must also check it.
  for (const { index, 1: name } of code.matchAll(/(?:->|::)(GetFunction|NewFromUtf8|NumberValue)\(/g)) {
    const rest = code.slice(index).split(';')[0]
    if (!/\)\.To(?:Local)?\(&/.test(rest)) report(index, `${name}(): may have no value`)
  }
  return found.sort((a, b) => a.line - b.line)
}

/** The mistakes in files, as lines of text; by default in all of native/addon. */
export function checkNodeApi(files = readdirSync(addon).map((name) => join(addon, name))) {
  return files
    .filter((file) => /\.(?:cc|h)$/.test(file))
    .flatMap((file) =>
      findUnchecked(readFileSync(file, 'utf8')).map(
        ({ line, reason }) => `${relative(root, file)}:${line}: ${reason}`,
      ),
    )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = process.argv.slice(2)
  const found = checkNodeApi(files.length > 0 ? files : undefined)
  for (const line of found) console.log(line)
  console.log(`Node-API: ${found.length} unchecked uses`)
  if (found.length > 0) process.exitCode = 1
}
