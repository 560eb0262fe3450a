/**
 * To be evaluated before the rest of the package.
 *
 * @module
 */
import { provideBinaries } from '../binary.js'
import binaries from './linux-x64.cjs'

provideBinaries(binaries)
