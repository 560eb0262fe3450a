// The benchmark's own addon: see native/limits.h.
import { createRequire } from 'node:module'

export const limits = createRequire(import.meta.url)('./native/build/Release/limits.node')
