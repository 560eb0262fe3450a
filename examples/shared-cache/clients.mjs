// Clients that ask for pages, one after the other, of one server after the other.
import { Agent, get } from 'node:http'
import { pageText, somePage } from './pages.mjs'

const CLIENTS = 16

export class Clients {
  #agent = new Agent({ keepAlive: true })
  #ports
  answers = 0
  wrong = 0

  constructor(ports) {
    this.#ports = ports
  }

  /** Asks for pages for so many seconds. */
  async ask(seconds) {
    const end = performance.now() + 1000 * seconds
    await Promise.all(Array.from({ length: CLIENTS }, (_, client) => this.#askUntil(end, client)))
    this.#agent.destroy()
  }

  async #askUntil(end, client) {
    for (let n = client; performance.now() < end; n++) {
      const page = somePage()
      const text = await this.#fetch(this.#ports[n % this.#ports.length], page)
      this.answers++
      if (text !== pageText(page)) this.wrong++
    }
  }

  #fetch(port, page) {
    return new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path: `/${page}`, agent: this.#agent }, (response) => {
        response.setEncoding('utf8')
        let text = ''
        response.on('data', (chunk) => (text += chunk))
        response.on('end', () => resolve(text))
      }).on('error', reject)
    })
  }
}
