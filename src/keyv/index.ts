/**
 * A store for `keyv`, and so for `cache-manager`: a map that all worker threads share, and processes too.
 *
 * @module rseq/keyv
 */
export { KeyvSharedMap } from './keyv-shared-map.js'
