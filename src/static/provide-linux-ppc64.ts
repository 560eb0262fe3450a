/**
 * To be evaluated before the rest of the package.
 *
 * @module
 */
import { provideBinaries } from '../binary.js'
import binaries from './linux-ppc64.cjs'

provideBinaries(binaries)
