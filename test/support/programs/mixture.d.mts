export const UNITS: number
export const POOL: { blocks: number; blockSize: number; cache: number }
export const LIST: { nodes: number; payloadSize: number }
export const RING: number
export const NOTE: Readonly<Record<'rounds' | 'plain' | 'mutexed' | 'shadow' | 'two' | 'locked', number>>
