export interface Disposable {
  [Symbol.dispose](): void
}

export interface Member {
  name: string
  make: () => Disposable
  call: (object: Disposable) => unknown
}

export function disposableMembers(): Member[]
export function publicCalls(): Map<string, () => () => unknown>
export function terminableCalls(): string[]
