/**
 * `rseq/linux-x64`: the same as `rseq`, for programs that are bundled. Its binaries are loaded by paths
 * that a bundler can see.
 *
 * @packageDocumentation
 */
import './static/provide-linux-x64.js'
export * from './index.js'
