// Does one of several things that a process may do with `console` and with errors: with its events recorded, or without.
import { inspect } from 'node:util'
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { openShared } from '../../../lib/shared/index.js'
import { defineEvents, processEvents, recordProcess } from '../../../lib/trace/index.js'

const { name, directory, isRecorded } = isMainThread ? JSON.parse(process.argv[2]) : workerData

/** A context that prints, too. */
let asked = 0
const contexts = {
  asked: {
    type: 'u32',
    from: () => {
      if (name === 'console') console.info(`context ${asked}`)
      return ++asked
    },
  },
}
const trace = isRecorded
  ? defineEvents('own', { ...processEvents, mark: { fields: { text: 'string' } } }, { contexts }).open(
      openShared('shop', { directory }),
    )
  : undefined
const record = (options) =>
  trace === undefined
    ? () => undefined
    : recordProcess(trace, { gc: false, loopDelayMs: 0, workers: false, ...options })

const talkative = {
  [inspect.custom]() {
    console.log('said while it is shown')
    return 'talkative'
  },
}
const failing = {
  [inspect.custom]() {
    throw new Error('cannot be shown')
  },
}
const listeners = () =>
  ['uncaughtExceptionMonitor', 'unhandledRejection', 'newListener', 'removeListener'].map((event) =>
    process.listenerCount(event),
  )

const cases = {
  console() {
    const names = ['debug', 'log', 'info', 'warn', 'error']
    const before = names.map((method) => console[method])
    const [end, endSecond] = [record({ console: true }), record({ console: true })]
    console.log('%s has %d of %j', 'it', 2, { a: 1 }, [3])
    console.log('100%')
    console.log()
    console.info({ a: { b: { c: {} } } })
    console.warn(new Map([[1, 'one']]), 'é'.repeat(600))
    console.error(Symbol('s'), 10n, null)
    console.debug('not recorded: its level is off')
    console.table([{ a: 1 }])
    console.assert(false, 'an assertion')
    console.log(talkative)
    try {
      console.log(failing)
    } catch ({ message }) {
      console.log(message)
    }
    end()
    endSecond()
    endSecond()
    console.log(names.every((method, k) => console[method] === before[k]) ? 'as before' : 'changed')
    // Somebody else replaces a method meanwhile: theirs stays, and nothing is recorded by what it has kept of ours.
    const endThird = record({ console: true })
    const ours = console.log
    console.log = (...args) => ours('theirs:', ...args)
    console.log('recorded')
    endThird()
    console.log('not recorded')
    const endFourth = record({ console: true })
    console.log('recorded once')
    endFourth()
    console.log('not recorded')
  },
  exception() {
    record()
    setTimeout(() => {
      throw new TypeError('nobody catches this')
    })
  },
  handled() {
    record()
    process.on('uncaughtException', ({ message }, origin) => console.log(message, origin))
    setTimeout(() => {
      throw new Error('the program handles this')
    })
  },
  odd() {
    record()
    process.on('uncaughtException', () => console.log('odd'))
    const odd = [
      null,
      'a text',
      Object.defineProperty(new Error('x'), 'message', {
        get() {
          throw new Error('no message')
        },
      }),
      new Proxy({}, { getPrototypeOf: () => failing[inspect.custom]() }),
      failing,
    ]
    for (const thrown of odd) {
      setTimeout(() => {
        throw thrown
      })
    }
  },
  rejection() {
    record()
    Promise.reject(new Error('nobody handles this'))
  },
  async listener() {
    const counts = listeners()
    const ends = [record(), record()]
    let next
    const seen = (text) => (reason) => {
      console.log(text, reason, process.listenerCount('unhandledRejection') > 0)
      next()
    }
    const reject = (reason) =>
      new Promise((resolve) => {
        next = resolve
        Promise.reject(reason)
      })
    process.once('unhandledRejection', seen('once'))
    await reject(1)
    console.log(process.listenerCount('unhandledRejection'))
    const on = seen('on')
    process.on('unhandledRejection', on)
    await reject(2)
    for (const end of ends) end()
    await reject(3)
    process.off('unhandledRejection', on)
    console.log(String(listeners()) === String(counts))
    record()
    process.on('unhandledRejection', on)
    process.removeAllListeners('unhandledRejection')
    // Nobody listens any longer: this ends the process.
    Promise.reject(4)
  },
  exit() {
    process.on('unhandledRejection', () => process.exit(5))
    record()
    Promise.reject(new Error('the program exits because of this'))
  },
  off() {
    record()
    trace?.disable('unhandled')
    Promise.reject(new Error('this event is off'))
  },
  worker() {
    if (!isMainThread) {
      record({ console: true })
      console.log('from a worker')
      setTimeout(() => {
        throw new Error('of a worker')
      })
      return
    }
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { name, directory, isRecorded },
    })
    worker.on('error', ({ message }) => console.log('error', message))
    worker.on('exit', (code) => console.log('exit', code))
  },
}

await cases[name]()
