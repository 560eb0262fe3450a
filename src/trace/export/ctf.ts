/**
 * The Common Trace Format, version 1.8, which babeltrace2 and Trace Compass read, and version 2, which has other metadata. A trace is a
 * directory with the file `metadata` and one file for each CPU, which has packets of at most 64 KiB.
 *
 * @module
 */
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { metadataText } from '../ctf/metadata.js'
import { PacketWriter } from '../ctf/packets.js'
import { RecordCursor } from '../ctf/record-cursor.js'
import { newUuid, streamName } from '../ctf/streams.js'
import type { EventStream, Streams } from '../read/events.js'
import { metadata2Text } from '../ctf/metadata2.js'
import { titleOf } from '../read/trace-file.js'

/** Writes all events of a stream. Returns their number. */
function writeStream(path: string, uuid: Buffer, instance: number, stream: EventStream): number {
  const { trace, cpu, pieces, missing, isWanted } = stream
  const file = openSync(path, 'wx')
  let count = 0
  try {
    const { records } = trace.description.spec
    const packets = new PacketWriter({ records, uuid, instance, cpu }, (packet) => {
      writeFileSync(file, packet)
    })
    const cursor = new RecordCursor(stream.clock, stream.areTicks)
    for (const piece of pieces) {
      cursor.begin(piece)
      while (cursor.next()) {
        const added = packets.add(cursor, isWanted)
        if (added === 'written') count++
        if (added === 'foreign') missing.discarded++
      }
    }
    packets.end(missing.discarded)
  } finally {
    closeSync(file)
  }
  return count
}

/**
 * Writes a directory with one trace in CTF for each trace of a service. Returns the number of events.
 *
 * @throws Error if the directory exists or cannot be made.
 */
export function writeCtf({ streams }: Streams, out: string, version: 'ctf' | 'ctf2'): number {
  mkdirSync(out)
  let count = 0
  for (const trace of new Set(streams.map((stream) => stream.trace))) {
    const directory = join(out, titleOf(trace))
    const uuid = newUuid()
    const own = streams.filter((stream) => stream.trace === trace)
    mkdirSync(directory)
    for (const [k, stream] of own.entries())
      count += writeStream(join(directory, streamName(stream.cpu)), uuid.bytes, k, stream)
    const text =
      version === 'ctf' ? metadataText(trace, uuid.text, own) : metadata2Text(trace, uuid.bytes, own)
    writeFileSync(join(directory, 'metadata'), text, { flag: 'wx' })
  }
  return count
}
