// Preloaded by --require: a machine on which the optional package that WITHOUT names is not installed.
const Module = require('node:module')

const { WITHOUT } = process.env
const resolve = Module._resolveFilename
Module._resolveFilename = (request, ...rest) => {
  if (request !== WITHOUT) return resolve(request, ...rest)
  throw Object.assign(new Error(`Cannot find module '${WITHOUT}'`), { code: 'MODULE_NOT_FOUND' })
}
