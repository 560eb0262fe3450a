/**
 * @file
 * The hot operations through V8 fast calls: optimized code calls the C++ function itself.
 */
#ifndef RSEQ_ADDON_V8_TIER_H
#define RSEQ_ADDON_V8_TIER_H

#include "../js.h"

namespace percpu {
namespace addon {

/**
 * Sets `fastAbi` and `fast` on `exports`: the module version of the fast calls, and the operations together with the
 * functions by which tests see that they are in use. They are made when `fast` is first read: other runtimes load the
 * binary of the ABI that they claim, but have no V8 (Bun) or do not export it (Deno), and the first call of V8 would
 * end the process. The values are 0 and null if this binary has no fast calls for the running Node.
 */
void export_v8_tier(Environment& environment, Object& exports) noexcept;

/** Whether make_v8_buffer() is there: this binary is built for the running Node, if that is Node itself. */
bool has_v8_buffers(napi_env env) noexcept;

/**
 * A SharedArrayBuffer over foreign memory. V8 calls `release` with the memory, its size and `hint`, once, when no
 * thread has the buffer any more, from any thread. Only where has_v8_buffers() says so, and only on Node itself.
 */
napi_value make_v8_buffer(void* memory, size_t size, void (*release)(void*, size_t, void*), void* hint) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_V8_TIER_H
