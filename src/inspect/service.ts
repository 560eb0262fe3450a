/**
 * Finds services and the files of their objects.
 *
 * @module
 */
import { type Dirent, readdirSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { SERVICE_PREFIX, SHM, partsOf } from '../core/service-files.js'
import { Unreadable } from './file.js'

const MOST_OBJECTS = 100_000

/** Why something failed, to follow the name of an object. */
export function reasonOf(error: unknown): string {
  if (error instanceof Unreadable) return error.message
  const { code, message } = error as NodeJS.ErrnoException
  return `cannot be read: ${code ?? message}`
}

function entriesOf(path: string): Dirent[] {
  return readdirSync(path, { withFileTypes: true })
}

/** The names of the services in a directory, in their order. @throws Error if there is no such directory. */
export function servicesIn(directory = SHM): string[] {
  const names = entriesOf(directory).filter(
    (entry) => entry.isDirectory() && entry.name.startsWith(SERVICE_PREFIX),
  )
  return names.map(({ name }) => name.slice(SERVICE_PREFIX.length)).sort()
}

/** A directory of a service. */
export interface ServicePlace {
  readonly service: string
  readonly path: string
}

/**
 * Finds a service by its name in `directory`, or by the path of its directory, which may be a copy with any name.
 *
 * @throws Error if there is none.
 */
export function findService(given: string, directory = SHM): ServicePlace {
  const isPath = given.includes('/') || given === '.' || given === '..'
  const path = resolve(isPath ? given : join(directory, SERVICE_PREFIX + given))
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    const there = isPath ? [] : safely(() => servicesIn(directory), [])
    const known = there.length === 0 ? 'there is none' : `there are ${there.join(', ')}`
    const where = isPath ? path : `a service '${given}' in ${directory} (${known})`
    throw new Error(`service: expected one that exists, got ${where}`)
  }
  const name = basename(path)
  return { service: name.startsWith(SERVICE_PREFIX) ? name.slice(SERVICE_PREFIX.length) : name, path }
}

function safely<Value>(get: () => Value, otherwise: Value): Value {
  try {
    return get()
  } catch {
    return otherwise
  }
}

/** The names of the files of a service's objects, in their order. */
export function objectFiles(path: string): string[] {
  const files = readdirSync(path).filter((file) => partsOf(file) !== undefined)
  return files.sort().slice(0, MOST_OBJECTS)
}
