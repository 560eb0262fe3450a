/**
 * `rseq/linux-ppc64`: the same as `rseq`, for programs that are bundled. Its binaries are loaded by paths
 * that a bundler can see.
 *
 * @packageDocumentation
 */
import './static/provide-linux-ppc64.js'
export * from './index.js'
