/**
 * What a program prints by `console`, as events. The methods of `console` are replaced while somebody records them; they print what
 * they printed before.
 *
 * @module
 */
import { formatWithOptions } from 'node:util'
import type { Trace } from '../trace.js'
import { shown } from './shown.js'

const TEXT = { text: { type: 'string', most: 512 } } as const

/** An event for each method, so that levels and patterns choose among them. */
export const CONSOLE_EVENTS = {
  /** What `console.debug` was called with, as it prints it. Off until somebody enables it. */
  'console.debug': { level: 'debug', fields: TEXT },
  /** What `console.log` was called with, as it prints it. */
  'console.log': { fields: TEXT },
  /** What `console.info` was called with, as it prints it. */
  'console.info': { fields: TEXT },
  /** What `console.warn` was called with, as it prints it. */
  'console.warn': { level: 'warning', fields: TEXT },
  /** What `console.error` was called with, as it prints it. */
  'console.error': { level: 'error', fields: TEXT },
} as const

type ConsoleTrace = Trace<typeof CONSOLE_EVENTS>
type Method = 'debug' | 'log' | 'info' | 'warn' | 'error'
const METHODS: readonly Method[] = ['debug', 'log', 'info', 'warn', 'error']

/** Somebody who records. */
interface Observer {
  readonly trace: ConsoleTrace
}

const observers = new Set<Observer>()

/**
 * What this thread is doing for an event. Arguments may have methods of the program for `util.inspect`, and contexts are functions of the
 * program: both may call `console`, too.
 */
let state: 'nothing' | 'formats' | 'records' = 'nothing'

function textOf(args: readonly unknown[]): string {
  const [first] = args
  if (args.length === 1 && typeof first === 'string') return first
  return shown(
    () => formatWithOptions({ maxStringLength: 512, maxArrayLength: 50 }, ...args),
    'arguments that cannot be shown',
  )
}

function record(method: Method, args: readonly unknown[]): void {
  const name = `console.${method}` as const
  const wanted = [...observers].filter(({ trace }) => trace.isOn(name))
  if (wanted.length === 0) return
  try {
    state = 'formats'
    const text = textOf(args)
    state = 'records'
    for (const { trace } of wanted) trace[name](text)
  } finally {
    state = 'nothing'
  }
}

/** Replaces a method. Returns the function that puts it back, unless somebody else has replaced it since: then it only prints. */
function replace(method: Method): () => void {
  const target = console
  const before = Object.getOwnPropertyDescriptor(target, method)
  const original = Reflect.get(target, method) as unknown
  if (before === undefined || typeof original !== 'function') return () => undefined
  let isOver = false
  const observed = {
    [method](this: unknown, ...args: unknown[]): unknown {
      // The original formats the arguments itself, and then prints what they print meanwhile: once, as it did before.
      if (state === 'formats') return undefined
      if (state === 'nothing' && !isOver) record(method, args)
      return Reflect.apply(original, this, args)
    },
  }[method] as unknown
  const { configurable = false, enumerable = false } = before
  Object.defineProperty(target, method, { value: observed, writable: true, configurable, enumerable })
  return () => {
    isOver = true
    if (Reflect.get(target, method) === observed) Object.defineProperty(target, method, before)
  }
}

let putBack: (() => void)[] = []

/** Records what this thread prints by `console`, before it is printed. Returns the function that ends it. */
export function observeConsole(trace: ConsoleTrace): () => void {
  const observer = { trace }
  if (observers.size === 0) putBack = METHODS.map((method) => replace(method))
  observers.add(observer)
  return () => {
    if (!observers.delete(observer) || observers.size > 0) return
    for (const end of putBack) end()
  }
}
