/**
 * What the methods of a {@link SharedMap} take and return.
 *
 * @module
 */
/** A key of a {@link SharedMap}: at most 4,096 bytes, a string's in UTF-8. A string and bytes are never one key. */
export type MapKey = string | Uint8Array

/** Options of a new {@link SharedMap}. */
export interface MapOptions {
  /**
   * How many entries the map is made for. It keeps at least so many if `bytes` suffice, and at most a quarter more; of few
   * thousand, at most twice as many.
   */
  entries: number
  /** The most bytes of shared memory that the map takes, 65,536 to 2**32: all of them from the beginning. */
  bytes: number
  /** How many milliseconds an entry lives if its `set` does not say otherwise; by default 0: until it is evicted. */
  ttl?: number
}

/** Options of the methods of a {@link SharedMap} that store a value. */
export interface EntryOptions {
  /** How many milliseconds the entry lives: an integer from 0 to 2**40; 0: until it is evicted. By default the map's. */
  ttl?: number
}

/** An entry of a {@link SharedMap}. */
export interface MapEntry<Stored> {
  /** A string, a number, a new Uint8Array, or a new copy of a structured value. */
  readonly value: Stored
  /** Increases with every value that the key gets. {@link SharedMap.update} takes it. */
  readonly version: number
  /** How many milliseconds the entry still lives; Infinity if it lives until it is evicted. */
  readonly ttl: number
}

/** What a {@link SharedMap} has counted, of all threads and processes. */
export interface MapStatistics {
  /** Lookups that found a value. Each thread adds its lookups after each 256 of them, and when it asks. */
  readonly hits: number
  /** Lookups that found none. */
  readonly misses: number
  /** Entries that gave way to others before their time. */
  readonly evictions: number
  /** Entries that gave way because their time was over. */
  readonly expirations: number
  /** Calls of `fetch` that waited for another thread's value and got it: computations that were saved. */
  readonly waits: number
  /** How often a part of the map was made whole after a thread or process had ended within a change. */
  readonly repairs: number
  /** Entries that are there now, those whose time is over included. */
  readonly entries: number
  /** Bytes of the entries that are there now, with keys, values and 32 bytes each. */
  readonly bytes: number
}
