/**
 * Metrics over HTTP, made in pieces between which the event loop goes on.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Internals } from './internals.js'
import { protobufPieces } from './protobuf.js'
import { textPieces } from './text.js'

/** How metrics are written down. Only `protobuf` has native histograms; the others show classic ones. */
export type ExpositionFormat = 'prometheus' | 'openmetrics' | 'protobuf'

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  protobuf: 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
}

/** Fastify's reply, as far as it matters here. */
interface Reply {
  readonly raw: ServerResponse
  hijack(): unknown
}

/** What answers a request: for `node:http`, express and fastify alike. */
export type MetricsHandler = (
  request: Pick<IncomingMessage, 'headers'>,
  response: ServerResponse | Reply,
) => Promise<void>

/** Pieces of the exposition, each made when it is asked for; in between, others get their turn. */
export async function* expose(
  metrics: Internals,
  format: ExpositionFormat,
): AsyncGenerator<string | Buffer, void, undefined> {
  const pieces = format === 'protobuf' ? protobufPieces(metrics) : textPieces(metrics, format)
  for (const piece of pieces) {
    yield piece
    await nextTurn()
  }
}

/** What a client asks for: the richest format that it takes. */
export function negotiate(accept: string | undefined): ExpositionFormat {
  if (accept === undefined) return 'prometheus'
  if (/application\/vnd\.google\.protobuf.*encoding=delimited/.test(accept)) return 'protobuf'
  return accept.includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus'
}

/** Answers every request with the metrics. A client that goes away ends it. */
export function handlerOf(metrics: Internals): MetricsHandler {
  return async (request, response) => {
    const raw = 'raw' in response ? response.raw : response
    if ('raw' in response) response.hijack()
    const format = negotiate(request.headers.accept)
    raw.writeHead(200, { 'content-type': CONTENT_TYPES[format] })
    try {
      await pipeline(Readable.from(expose(metrics, format)), raw)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    }
  }
}
