/**
 * @file
 * The hot operations through V8 fast calls: optimized code calls the C++ function itself.
 */
#ifndef RSEQ_ADDON_V8_TIER_H
#define RSEQ_ADDON_V8_TIER_H

#include <napi.h>

namespace rseq {
namespace addon {

/**
 * Sets `fastAbi` and `fast` on `exports`: the module version that the fast calls are for, and the
 * operations with what tests need to see that they are in use. They are made when `fast` is first
 * read, and not before: other runtimes load the binary of the ABI that they claim, but have no V8
 * (Bun) or do not export it (Deno), and the first call of it would end the process. 0 and null where
 * this binary has no fast calls for the running Node: built for another one, or for none.
 */
void export_v8_tier(Napi::Env env, Napi::Object exports);

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_V8_TIER_H
