/**
 * `rseq/linux-arm64`: the same as `rseq`, for programs that are bundled. Its binaries are loaded by paths
 * that a bundler can see.
 *
 * @packageDocumentation
 */
import './static/provide-linux-arm64.js'
export * from './index.js'
