/**
 * Provides the binaries for Linux on arm64. A static entry imports this module before the rest of the package.
 *
 * @module
 */
import { provideBinaries } from '../binary.js'
import binaries from './linux-arm64.cjs'

provideBinaries(binaries)
