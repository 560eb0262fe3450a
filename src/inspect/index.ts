/**
 * Reads services from outside: by system calls that read, without the native library, on any machine, also from a directory
 * that was copied. Every byte of a file may be wrong; that makes a problem of one object, and never an end of the reader.
 *
 * @module
 */
export { type ObjectChoice, RingFile, findObject, generationsOf } from './ring-file.js'
export type { RingLook, SeenRecord } from './ring.js'
export { ServiceReader, readService } from './service-reader.js'
export { type ServicePlace, findService, objectFiles, reasonOf, servicesIn } from './service.js'
export { type FileTotals, readTotals } from './totals.js'
export { eachCounter } from './content.js'
export { FileView, Unreadable, withFile } from './file.js'
export { type ProcessOf, holderOf } from './owner.js'
export { type Processes, ProcessesFile } from './processes.js'
export { type RegionView, openRegionView } from './region.js'
export type { MapContent } from './map-file.js'
export type * from './snapshot.js'
export { type Users, usersOf } from './users.js'
