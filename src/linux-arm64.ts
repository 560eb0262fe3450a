/**
 * `rseq/linux-arm64`: the exports of `rseq` for bundled programs. It loads the native library with `require` calls whose paths
 * a bundler can read. Import it before `rseq` and `rseq/metrics`.
 *
 * @packageDocumentation
 */
import './native/static/provide-linux-arm64.js'
export * from './index.js'
