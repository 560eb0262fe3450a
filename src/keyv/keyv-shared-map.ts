import { EventEmitter } from 'node:events'
import { typeError } from '../core/errors.js'
import { MOST_TTL } from '../core/map-layout.js'
import { SharedMap } from '../map/map.js'

/**
 * A store for `keyv` 5 over a {@link SharedMap}: all threads and processes that have the map open see one cache. Make one store for
 * each Keyv object, as keyv writes its namespace into its store; several stores may have one map.
 *
 * Keyv puts the namespace and a colon before each key, and makes a JSON text of each value; without its `serialize` the map
 * clones values. A key has at most 4,096 bytes. What the map refuses rejects the promise of a call, of which keyv makes an event
 * `error`. The store has no `setMany`, because keyv then calls {@link set} for each entry and says which of them were stored.
 *
 * @example
 * ```ts
 * const keyv = new Keyv({ store: new KeyvSharedMap(cache), namespace: 'pages' })
 * await keyv.set('/', '<h1>hello</h1>', 60_000)
 * ```
 */
export class KeyvSharedMap extends EventEmitter {
  /**
   * Keyv's options of a store. Keyv 5 iterates over stores of the dialects that it knows, and over no other: so this one says that
   * it is of `redis`, whose iterators keyv calls as it calls this store's.
   */
  readonly opts: Record<string, unknown> = { dialect: 'redis' }
  /** The namespace of the Keyv object, which writes it. */
  namespace: string | undefined
  readonly #map: SharedMap

  /**
   * Makes a store over a map.
   *
   * @param map - a map of this thread: one that it made, one of `SharedMap.from(buffer)`, or one of `shop.map(name, options)`.
   * @throws TypeError if it is none.
   */
  constructor(map: SharedMap) {
    super()
    if (!(map instanceof SharedMap)) throw typeError('map', 'a SharedMap', map)
    this.#map = map
  }

  /**
   * Returns the value of a key, or undefined. Costs and errors of {@link SharedMap.get}. An error is also an event `error` of this store,
   * because keyv answers it as a key that is not there.
   */
  get<Value>(key: string): Promise<Value | undefined> {
    return promiseOf(() => {
      try {
        return this.#map.get(key) as Value | undefined
      } catch (error) {
        if (this.listenerCount('error') > 0) this.emit('error', error)
        throw error
      }
    })
  }

  /** Returns the values of keys in their order, undefined for those that are not there. Errors of {@link get}. */
  getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    return Promise.all(keys.map((key) => this.get<Value>(key)))
  }

  /**
   * Stores a value. Costs and errors of {@link SharedMap.set}.
   *
   * @param ttl - how many milliseconds the entry lives, rounded up to an integer; by default the map's `ttl`; 0, and more than
   *   2**40: until it is evicted.
   * @returns a promise of true.
   */
  set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    return promiseOf(() => {
      this.#map.set(key, value, ttl === undefined ? undefined : { ttl: wholeTtl(ttl) })
      return true
    })
  }

  /** Removes a key. Returns whether it was there. */
  delete(key: string): Promise<boolean> {
    return promiseOf(() => this.#map.delete(key))
  }

  /** Removes keys. Returns whether all of them were there. */
  deleteMany(keys: string[]): Promise<boolean> {
    return promiseOf(() => keys.map((key) => this.#map.delete(key)).every(Boolean))
  }

  /** Whether a key is there. */
  has(key: string): Promise<boolean> {
    return promiseOf(() => this.#map.has(key))
  }

  /** Whether each of these keys is there. */
  hasMany(keys: string[]): Promise<boolean[]> {
    return promiseOf(() => keys.map((key) => this.#map.has(key)))
  }

  /**
   * Removes the entries of the namespace, one by one; all entries of the map if there is no namespace. O(entries of the map). The
   * entries of a namespace are those that keyv has put it before: it finds none if keyv's `useKeyPrefix` is false.
   */
  clear(): Promise<void> {
    return promiseOf(() => {
      const prefix = prefixOf(this.namespace)
      if (prefix === '') this.#map.clear()
      else for (const key of this.#map.keys()) if (isBelow(prefix, key)) this.#map.delete(key)
    })
  }

  /** Iterates over the entries of a namespace, or over all whose key is a string, as {@link SharedMap.entries} does. */
  // eslint-disable-next-line @typescript-eslint/require-await -- keyv wants an iterator of this kind.
  async *iterator<Value>(namespace?: string): AsyncGenerator<[string, Awaited<Value> | undefined], void> {
    const prefix = prefixOf(namespace)
    for (const [key, value] of this.#map.entries())
      if (isBelow(prefix, key)) yield [key, value as Awaited<Value>]
  }

  /** Closes the map's object in this thread, as its `Symbol.dispose` does: other objects on its buffer are not affected. */
  disconnect(): Promise<void> {
    return promiseOf(() => {
      this.#map[Symbol.dispose]()
    })
  }
}

/** What a call returns or throws, as a promise. */
function promiseOf<Result>(call: () => Result): Promise<Result> {
  return new Promise((resolve) => {
    resolve(call())
  })
}

/** The time to live that a map takes. What is no number is left to the map, which refuses it. */
function wholeTtl(ttl: number): number {
  return typeof ttl === 'number' ? Math.ceil(ttl > MOST_TTL ? 0 : ttl) : ttl
}

/** What keyv puts before the keys of a namespace. */
function prefixOf(namespace: string | undefined): string {
  return namespace ? `${namespace}:` : ''
}

function isBelow(prefix: string, key: string | Uint8Array): key is string {
  return typeof key === 'string' && key.startsWith(prefix)
}
