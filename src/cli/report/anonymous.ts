/**
 * Takes out of texts what says whose machine it was.
 *
 * @module
 */
import { homedir, hostname, tmpdir, userInfo } from 'node:os'

const A_PATH = '(a path)'
const A_NAME = '(a name)'

/** What a report must not have. */
export interface Private {
  /** Directories, which may have spaces in their names. */
  readonly directories: readonly string[]
  /** Names of the host and of the user. */
  readonly names: readonly string[]
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A user id without a name, as in many containers.
    return ''
  }
}

/** What must not be in a report from here. */
export function privateHere(): Private {
  const [host = ''] = hostname().split('.')
  return { directories: [process.cwd(), homedir(), tmpdir()], names: [hostname(), host, userName()] }
}

const quoted = (text: string): string => text.replace(/[$()*+./?[\\\]^{|}]/g, '\\$&')

/** The text without paths, and without these names where they stand as words. */
export function anonymous(text: string, { directories, names }: Private): string {
  const longest = directories
    .filter((path) => path.length > 1)
    .sort((one, other) => other.length - one.length)
  const known = longest.reduce((left, path) => left.replaceAll(path, '/_'), text)
  const pathless = known.replace(/(?<![\w.)/])(?:\/|[A-Za-z]:\\)[^\s'"`,;:()]+/g, A_PATH)
  return names
    .filter((name) => name !== '')
    .reduce((left, name) => {
      const word = new RegExp(`(?<![\\p{L}\\p{N}_])${quoted(name)}(?![\\p{L}\\p{N}_])`, 'giu')
      return left.replace(word, A_NAME)
    }, pathless)
}

/** A copy of some data whose texts are anonymous. */
export function anonymousData<T>(data: T, hidden: Private): T {
  return JSON.parse(JSON.stringify(data), (_key, value: unknown) =>
    typeof value === 'string' ? anonymous(value, hidden) : value,
  ) as T
}
