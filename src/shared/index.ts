/**
 * Memory that processes share: objects in files, which survive the death of any process.
 *
 * @module rseq/shared
 */
export {
  type SharedDefinition,
  SharedDirectory,
  type SharedMetricsOptions,
  type SharedObject,
  type SharedOptions,
  openShared,
} from './shared-directory.js'
export type { SharedKind } from './names.js'
export type { SharedProcess } from './processes-file.js'
export { type Limit, SharedMemoryFullError } from './room.js'
