/**
 * Sends metrics to Prometheus's Pushgateway.
 *
 * @module
 */
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { gzipSync } from 'node:zlib'
import { type Registry, type RegistryContentType, globalRegistry } from './registry.js'

/** Options of a {@link Pushgateway}: those of an HTTP request, and whether pushes need a job's name (by default they do). */
export interface PushgatewayOptions extends RequestOptions {
  /** Whether pushes need the name of a job; true by default. */
  requireJobName?: boolean
}

/** The group of metrics that a push replaces. */
export interface PushgatewayParameters {
  /** The name of the job. */
  jobName?: string
  /** Further labels of the group. */
  groupings?: Readonly<Record<string, string>>
}

/** The answer of a Pushgateway. */
export interface PushgatewayResult {
  /** The response. */
  resp: IncomingMessage
  /** Its body. */
  body: string
}

/** A client of a Pushgateway. */
export class Pushgateway {
  readonly #url: string
  readonly #registry: Registry<RegistryContentType>
  readonly #options: RequestOptions
  readonly #needsJob: boolean

  /** @param registry - by default the default registry. */
  constructor(
    url: string,
    options: PushgatewayOptions = {},
    registry: Registry<RegistryContentType> = globalRegistry,
  ) {
    const { requireJobName = true, ...requestOptions } = options
    this.#url = url
    this.#registry = registry
    this.#options = requestOptions
    this.#needsJob = requireJobName
  }

  /** Adds the metrics, and replaces those of the group with their names. @throws Error without a job's name. */
  pushAdd(parameters: PushgatewayParameters = {}): Promise<PushgatewayResult> {
    return this.#use('POST', parameters)
  }

  /** Replaces all metrics of the group. @throws Error without a job's name. */
  push(parameters: PushgatewayParameters = {}): Promise<PushgatewayResult> {
    return this.#use('PUT', parameters)
  }

  /** Deletes all metrics of the group. @throws Error without a job's name. */
  delete(parameters: PushgatewayParameters = {}): Promise<PushgatewayResult> {
    return this.#use('DELETE', parameters)
  }

  #use(method: string, { jobName, groupings = {} }: PushgatewayParameters): Promise<PushgatewayResult> {
    if (this.#needsJob && !jobName) throw new Error('Missing jobName parameter')
    const groups = Object.entries(groupings).flatMap(([name, value]) => [name, value])
    const job = jobName ? ['job', jobName, ...groups] : []
    const base = new URL(this.#url)
    const path = [base.pathname.replace(/\/$/, ''), 'metrics', ...job.map(encodeURIComponent)].join('/')
    return this.#send(method, new URL(path, base))
  }

  async #send(method: string, url: URL): Promise<PushgatewayResult> {
    const headers = { ...(this.#options.headers as Record<string, string> | undefined) }
    if (method === 'DELETE') delete headers['Content-Encoding']
    const text = method === 'DELETE' ? '' : await this.#registry.metrics()
    const body = headers['Content-Encoding'] === 'gzip' ? gzipSync(text) : text
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? requestHttps : requestHttp
      const request = send(url, { ...this.#options, headers, method }, (response) => {
        let received = ''
        response.setEncoding('utf8')
        response.on('data', (piece: string) => (received += piece))
        response.on('error', reject)
        response.on('end', () => {
          if ((response.statusCode ?? 0) < 400) resolve({ resp: response, body: received })
          else reject(new Error(`push failed with status ${response.statusCode}, ${received}`))
        })
      })
      request.on('error', reject)
      request.on('timeout', () => request.destroy(new Error('Pushgateway request timed out')))
      request.end(body)
    })
  }
}
