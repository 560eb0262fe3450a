/**
 * Writes protobuf messages.
 *
 * @module
 */

/** The bytes of the longest varint that is written: of 64 bits. */
const MOST_VARINT_BYTES = 10

const Wire = { varint: 0, fixed64: 1, bytes: 2 } as const

const MOST_NUMBER = BigInt(Number.MAX_SAFE_INTEGER)

/** Builds a protobuf message. Each method with a `field` appends that field. */
export class Message {
  #bytes = Buffer.allocUnsafe(64)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Makes room for so many more bytes. */
  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + more))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }

  /** Appends an unsigned integer of at most 53 bits. */
  #varint(value: number): void {
    this.#reserve(MOST_VARINT_BYTES)
    let rest = value
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
  }

  #tag(field: number, wire: number): void {
    this.#varint(field * 8 + wire)
  }

  /** Appends an unsigned integer: a number of at most 53 bits, or a bigint of at most 64. */
  unsigned(field: number, value: number | bigint): this {
    this.#tag(field, Wire.varint)
    if (typeof value === 'bigint') this.#wideVarint(value)
    else this.#varint(value)
    return this
  }

  #wideVarint(value: bigint): void {
    this.#reserve(MOST_VARINT_BYTES)
    let rest = value
    while (rest > MOST_NUMBER) {
      this.#bytes[this.#length++] = Number(rest & 127n) + 128
      rest >>= 7n
    }
    this.#varint(Number(rest))
  }

  /** Appends a signed integer as `int64` does: a negative one takes 10 bytes. */
  int64(field: number, value: bigint): this {
    return this.unsigned(field, BigInt.asUintN(64, value))
  }

  /** Appends a signed integer as `sint64` does. */
  signed(field: number, value: number): this {
    return this.unsigned(field, value >= 0 ? 2 * value : -2 * value - 1)
  }

  double(field: number, value: number): this {
    this.#tag(field, Wire.fixed64)
    this.#reserve(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
    return this
  }

  /** Appends an unsigned integer of 64 bits as `fixed64` does. */
  fixed64(field: number, value: bigint): this {
    this.#tag(field, Wire.fixed64)
    this.#reserve(8)
    this.#length = this.#bytes.writeBigUInt64LE(value, this.#length)
    return this
  }

  text(field: number, value: string): this {
    const size = Buffer.byteLength(value)
    this.#tag(field, Wire.bytes)
    this.#varint(size)
    this.#reserve(size)
    this.#length += this.#bytes.write(value, this.#length)
    return this
  }

  message(field: number, value: Message): this {
    this.#tag(field, Wire.bytes)
    this.#varint(value.#length)
    return this.append(value)
  }

  /** Appends all fields of another message. */
  append(value: Message): this {
    this.#reserve(value.#length)
    this.#bytes.set(value.#bytes.subarray(0, value.#length), this.#length)
    this.#length += value.#length
    return this
  }

  /** Returns the bytes of the message. They are its own: nothing may be appended afterwards. */
  toBuffer(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Returns the bytes of the message with its length in front of them. */
  delimited(): Buffer {
    const whole = new Message()
    whole.#varint(this.#length)
    whole.append(this)
    return whole.#bytes.subarray(0, whole.#length)
  }
}
