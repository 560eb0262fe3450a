/**
 * Sends metrics over HTTP, in pieces. The event loop runs other tasks between two pieces.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createGzip } from 'node:zlib'
import type { NameEscaping } from './names.js'
import { type ExpositionFormat, acceptsGzip, negotiate } from './negotiation.js'
import { protobufPieces } from './protobuf.js'
import type { ExposedFamily } from './read.js'
import { textPieces } from './text.js'

/** The part of Fastify's reply that this module uses. */
interface Reply {
  readonly raw: ServerResponse
  hijack(): unknown
}

/** Answers a request with the metrics. It is a listener for `node:http`, and a handler for express and fastify. */
export type MetricsHandler = (
  request: Pick<IncomingMessage, 'headers'>,
  response: ServerResponse | Reply,
) => Promise<void>

/** Yields the exposition in pieces. Each piece is made when it is requested, and the event loop runs other tasks in between. */
export async function* expose(
  families: readonly ExposedFamily[],
  format: ExpositionFormat,
  escaping: NameEscaping,
): AsyncGenerator<string | Buffer, void, undefined> {
  const pieces =
    format === 'protobuf' ? protobufPieces(families, escaping) : textPieces(families, format, escaping)
  for (const piece of pieces) {
    yield piece
    await nextTurn()
  }
}

/** Returns a handler that answers each request with the metrics that `read` returns. It stops sending if the client closes the connection. */
export function handlerOf(read: () => readonly ExposedFamily[]): MetricsHandler {
  return async (request, response) => {
    const raw = 'raw' in response ? response.raw : response
    if ('raw' in response) response.hijack()
    const { format, escaping, contentType } = negotiate(request.headers.accept)
    const families = read()
    const isCompressed = acceptsGzip(request.headers['accept-encoding'])
    raw.writeHead(200, {
      'content-type': contentType,
      vary: 'Accept, Accept-Encoding',
      ...(isCompressed ? { 'content-encoding': 'gzip' } : {}),
    })
    const pieces = Readable.from(expose(families, format, escaping))
    try {
      await (isCompressed ? pipeline(pieces, createGzip(), raw) : pipeline(pieces, raw))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    }
  }
}
