/**
 * Provides the binaries for Linux on ppc64. A static entry imports this module before the rest of the package.
 *
 * @module
 */
import { provideBinaries } from '../binary.js'
import binaries from './linux-ppc64.cjs'

provideBinaries(binaries)
