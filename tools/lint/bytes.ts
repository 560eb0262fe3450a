/**
 * The bytes of a little-endian file. Tables are checked against the size of the file before they are read.
 *
 * @module
 */

/** Thrown if a file cannot be checked: it is no ELF file, is cut off, or is for an unknown architecture. */
export class LintError extends Error {
  override name = 'LintError'
}

/** Formats an address or a number for the messages of the linter. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`
}

/** Returns whether [address, address + length) lies in the range of `size` bytes from `start`. */
export function covers(start: number, size: number, address: number, length: number): boolean {
  return address >= start && length >= 0 && address + length <= start + size
}

export class FileBytes {
  readonly bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** @throws LintError unless [offset, offset + length) is in the file. */
  need(offset: number, length: number, what: string): void {
    if (!covers(0, this.bytes.length, offset, length))
      throw new LintError(
        `is cut off or damaged: ${what} needs ${length} bytes at offset ${offset}, ` +
          `the file has ${this.bytes.length}`,
      )
  }

  /**
   * Returns the file offsets of the entries of a table.
   *
   * @throws LintError unless all entries are in the file and have the expected size.
   */
  entries(what: string, offset: number, entrySize: number, count: number, knownSize: number): number[] {
    if (count === 0) return []
    if (entrySize !== knownSize)
      throw new LintError(`is damaged: ${what} has entries of ${entrySize} bytes, not ${knownSize}`)
    this.need(offset, count * entrySize, what)
    return Array.from({ length: count }, (_, i) => offset + i * entrySize)
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset)
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, true)
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, true)
  }

  u64(offset: number): number {
    return Number(this.#view.getBigUint64(offset, true))
  }

  s64(offset: number): number {
    return Number(this.#view.getBigInt64(offset, true))
  }

  /** Reads a word as a bigint, which keeps all of its bits; bitmaps need this. */
  bits64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true)
  }
}
