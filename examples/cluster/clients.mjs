// Clients that know what they got: each asks, waits for the whole answer, and asks again.
import { Agent, get } from 'node:http'

/**
 * In milliseconds. A connection that node:cluster was handing to a process when that was killed stays open and is never
 * answered.
 */
const PATIENCE = 1000

export class Clients {
  /** Requests whose whole answer came. */
  confirmed = 0
  /** Requests whose connection ended instead, or said nothing for too long. A server may have counted them or not. */
  unanswered = 0
  #isOver = false
  #agent = new Agent({ keepAlive: true })
  #running

  constructor(port, clients) {
    this.#running = Array.from({ length: clients }, () => this.#askOnAndOn(port))
  }

  async #askOnAndOn(port) {
    while (!this.#isOver) {
      if (await this.#ask(port)) this.confirmed++
      else this.unanswered++
    }
  }

  /** Resolved with whether the whole answer came. */
  #ask(port) {
    return new Promise((resolve) => {
      const request = get({ host: '127.0.0.1', port, agent: this.#agent, timeout: PATIENCE }, (response) => {
        response.on('close', () => resolve(response.complete)).resume()
      })
      request.on('timeout', () => request.destroy())
      request.on('error', () => resolve(false))
    })
  }

  /** Waits for the answers to what is in flight, and ends. */
  async stop() {
    this.#isOver = true
    await Promise.all(this.#running)
    this.#agent.destroy()
  }
}
