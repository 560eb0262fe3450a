// Generates what follows from the table of hot operations, src/core/operations.ts: the list from which the tiers of the
// addon make their callbacks, and the wrappers of the Node-API tier in TypeScript. Both builds run it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const TABLE = 'src/core/operations.ts'
const BANNER = `// Generated from ${TABLE} by scripts/generate-operations.mjs.`

/** The types of the table: where a scratch element holds them, and their names in C++. */
const TYPES = {
  Handle: { native: 'uint32_t', view: 'words' },
  Act: { native: 'uint32_t', view: 'words' },
  Status: { native: 'uint32_t', view: 'words' },
  U32: { native: 'uint32_t', view: 'words' },
  I32: { native: 'int32_t', view: 'words' },
  F64: { native: 'double', view: 'scratch' },
}

function typeNamed(name, where) {
  const type = TYPES[name]
  if (type === undefined) {
    throw new Error(`${TABLE}: ${where}: expected one of ${Object.keys(TYPES).join(', ')}, got ${name}`)
  }
  return { name, ...type }
}

/**
 * The rows of a table.
 *
 * @param {string} source - the text of a module with an interface `Operations`.
 * @returns {{ name: string, bench?: string, unbenched?: string, parameters: { name: string, type: object }[], result: object }[]}
 *   `bench` and `unbenched` are the tags of its comment.
 */
export function readOperations(source) {
  const file = ts.createSourceFile(TABLE, source, ts.ScriptTarget.Latest, true)
  const table = file.statements.find((at) => ts.isInterfaceDeclaration(at) && at.name.text === 'Operations')
  if (table === undefined) throw new Error(`${TABLE}: expected an interface named Operations`)
  return table.members.map((member) => ({
    name: member.name.text,
    ...benchmarkOf(member),
    ...signatureOf(member, file),
  }))
}

/** The benchmark tag of a row: the contender that measures it, or the reason why none does. */
function benchmarkOf(member) {
  const tags = ts.getJSDocTags(member).filter(({ tagName }) => /^(un)?bench(ed)?$/.test(tagName.text))
  return Object.fromEntries(tags.map(({ tagName, comment }) => [tagName.text, comment]))
}

function signatureOf({ name: { text: name }, type }, file) {
  return {
    parameters: type.parameters.map((parameter) => ({
      name: parameter.name.text,
      type: typeNamed(parameter.type.getText(file), `${name}(${parameter.name.text})`),
    })),
    result: typeNamed(type.type.getText(file), `the answer of ${name}`),
  }
}

const snakeCase = (name) => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase()

/** C++: a call of the macro OPERATION for each row. */
export function nativeList(operations) {
  const rows = operations.map(({ name, parameters, result }) => {
    const types = parameters.map(({ type }) => type.native).join(', ')
    return `OPERATION(${snakeCase(name)}, "${name}", ${result.native}, (${types}))\n`
  })
  return `${BANNER}\n// OPERATION(function, name in JavaScript, result, (arguments))\n${rows.join('')}`
}

const CONVERTED = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

/** Element `k` of the scratch array, as the view that holds the type: element k is word 2k. */
const element = (type, k) => (type.view === 'words' ? `words[${2 * k}]` : `scratch[${k}]`)

/** Converts as JavaScript does, and refuses what V8's own conversion refuses. Optimized code makes nothing of it for a number. */
const converted = (argument) => `+(${argument} as string | number)`

function wrapper({ name, parameters, result }) {
  const names = parameters.map((parameter) => parameter.name)
  const last = parameters.length - 1
  const conversions = names.slice(0, last).map((of, k) => `${CONVERTED[k]} = ${converted(of)}`)
  const stores = parameters.map(({ name: of, type }, k) => {
    return `${element(type, k)} = ${k === last ? converted(of) : CONVERTED[k]}`
  })
  const declared = conversions.length > 0 ? [`const ${conversions.join(', ')}`] : []
  // The last argument is converted and stored at once, before the others are stored.
  const body = [
    ...declared,
    ...stores.reverse(),
    `${name}()`,
    `return ${element(result, 0)} as ${result.name}`,
  ]
  return `    ${name}(${names.join(', ')}): ${result.name} {\n      ${body.join('\n      ')}\n    },\n`
}

/** TypeScript: a method for each row that stores its arguments, calls without arguments, and loads the answer. */
export function scratchModule(operations) {
  const used = new Set(operations.map(({ result }) => result.name))
  const own = [...used].filter((name) => name !== 'Status').sort()
  const names = operations.map(({ name }) => name)
  return `${BANNER}
/**
 * The hot operations through Node-API: arguments go into the scratch array, a call without arguments follows, and the
 * answer is in element 0. That is half the price of passing arguments. All arguments are converted before the first is
 * stored, because a \`valueOf\` may call an operation itself.
 *
 * @module
 */
import type { Status } from '../../core/layout.js'
import type { ${[...own, 'Operations'].sort().join(', ')} } from '../../core/operations.js'

/** The functions of the addon: their arguments and their answer are in the scratch array. */
export type ScratchOperations = { readonly [Name in keyof Operations]: () => void }

export function scratchOperations(scratch: Float64Array, operations: ScratchOperations): Operations {
  const { ${names.join(', ')} } = operations
  // An integer takes the first half of an element.
  const words = new Int32Array(scratch.buffer)
  return {
${operations.map(wrapper).join('')}  }
}
`
}

function write(path, text) {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  let before
  try {
    before = readFileSync(file, 'utf8')
  } catch {
    // There is none yet.
  }
  // An unchanged file keeps its time, so that nothing is compiled again.
  if (before !== text) writeFileSync(file, text)
}

export function generate() {
  const operations = readOperations(readFileSync(join(root, TABLE), 'utf8'))
  write('native/addon/generated/operations.inc', nativeList(operations))
  write('src/native/generated/scratch-operations.ts', scratchModule(operations))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generate()
