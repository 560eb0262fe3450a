/**
 * Provides the binaries for Linux on x64. A static entry imports this module before the rest of the package.
 *
 * @module
 */
import { provideBinaries } from '../binary.js'
import binaries from './linux-x64.cjs'

provideBinaries(binaries)
