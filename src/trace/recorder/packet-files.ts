/**
 * Rotated files of packets, which a reader finds whole at any moment: while they are written, and after a SIGKILL between any two
 * instructions.
 *
 * A file has its full size from the beginning, without using the disk for it, and its last packet claims all the rest of the file as
 * its padding. The next packet is written into that padding, where no reader looks. It is there for readers when 8 bytes are stored:
 * the size of the packet before, which from then on ends where the next one begins.
 *
 * @module
 */
import { closeSync, ftruncateSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { PACKET_SIZE_AT } from '../ctf/packets.js'

/** How large files become, and how many are kept. */
export interface Rotation {
  /** The bytes of a file: a multiple of 8, and at least two packets. */
  readonly maxSize: number
  /** How many files of each CPU are kept; Infinity: all. */
  readonly maxFiles: number
}

const DIGITS = 8
const BITS = 8

/** Writes all bytes at a position of a file. @throws an error of `node:fs`, such as ENOSPC. */
function writeAt(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(file, bytes, done, bytes.length - done, at + done)
}

/** The files of one stream, of which the oldest are removed. */
export class PacketFiles {
  readonly #directory: string
  readonly #name: string
  readonly #rotation: Rotation
  readonly #kept: string[] = []
  #file: number | undefined
  #count = 0
  /** Where the last packet of the file begins, and where the next one will. */
  #last = 0
  #next = 0

  constructor(directory: string, name: string, rotation: Rotation) {
    this.#directory = directory
    this.#name = name
    this.#rotation = rotation
  }

  /** Appends a packet. `packet` is changed: its size in the file is another one. */
  append(packet: Buffer): void {
    const { maxSize } = this.#rotation
    if (this.#file === undefined || this.#next + packet.length > maxSize) {
      this.#begin(packet)
      return
    }
    packet.writeBigUInt64LE(BigInt(BITS * (maxSize - this.#next)), PACKET_SIZE_AT)
    writeAt(this.#file, packet, this.#next)
    const size = Buffer.alloc(8)
    size.writeBigUInt64LE(BigInt(BITS * (this.#next - this.#last)))
    // The word does not cross a page, so that the kernel stores all of it or nothing, also when this process is killed.
    writeAt(this.#file, size, this.#last + PACKET_SIZE_AT)
    this.#last = this.#next
    this.#next += packet.length
  }

  /** Begins a file with a packet. Readers leave out names that begin with a dot, so they see the file when it is whole. */
  #begin(packet: Buffer): void {
    const { maxSize, maxFiles } = this.#rotation
    const name = `${this.#name}_${String(++this.#count).padStart(DIGITS, '0')}`
    const hidden = join(this.#directory, `.${name}`)
    const file = openSync(hidden, 'wx')
    try {
      ftruncateSync(file, maxSize)
      packet.writeBigUInt64LE(BigInt(BITS * maxSize), PACKET_SIZE_AT)
      writeAt(file, packet, 0)
      renameSync(hidden, join(this.#directory, name))
    } catch (error) {
      closeSync(file)
      rmSync(hidden, { force: true })
      throw error
    }
    this.close()
    this.#file = file
    this.#last = 0
    this.#next = packet.length
    this.#kept.push(name)
    while (this.#kept.length > maxFiles)
      rmSync(join(this.#directory, this.#kept.shift() as string), { force: true })
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}
