/**
 * Copies of the label tables in a file: as many bytes of their records as are used.
 *
 * @module
 */
import type { FileView } from '../inspect/index.js'
import { type TableSize, slotsFor, tableBytes } from '../metrics/label-table.js'

const WORD = 4
/** How many bytes are read at once. */
const PIECE = 2 ** 20

/**
 * Copies a label table to byte `to` of a memory, which has room for a whole one.
 *
 * @throws Unreadable if the file is too short.
 */
export function copyTable(
  file: FileView,
  at: number,
  size: TableSize,
  memory: SharedArrayBuffer,
  to: number,
): void {
  // The number of label sets, the slots, and the number of used words of the records.
  const head = WORD * (1 + slotsFor(size.series) + 1)
  const room = tableBytes(size) - head
  const copy = (from: number, end: number): void => {
    for (let done = from; done < end; done += PIECE)
      new Uint8Array(memory).set(file.read(at + done, Math.min(PIECE, end - done)), to + done)
  }
  copy(0, head)
  const used = new Int32Array(memory, to + head - WORD, 1)[0] as number
  copy(head, head + (used >= 0 && used * WORD <= room ? used * WORD : room))
}
