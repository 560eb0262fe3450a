// Loaded before a program, by --import: changes what `process` and `node:os` say, for everything that is loaded after.
// PRETEND_VERSIONS changes `process.versions`, in JSON: another Node, or another runtime. PRETEND_PLATFORM
// is such as darwin-arm64. PRETEND_EXECUTABLE is a file that is said to be this program.
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'

function set(object, changes) {
  for (const [name, value] of Object.entries(changes)) {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  }
}

const { PRETEND_VERSIONS = '{}', PRETEND_PLATFORM = '', PRETEND_EXECUTABLE = '' } = process.env
set(process.versions, JSON.parse(PRETEND_VERSIONS))
if (PRETEND_PLATFORM !== '') {
  const [platform, arch] = PRETEND_PLATFORM.split('-')
  set(process, { platform, arch })
  set(os, { platform: () => platform, arch: () => arch })
  syncBuiltinESMExports()
}
if (PRETEND_EXECUTABLE !== '') set(process, { execPath: PRETEND_EXECUTABLE })
