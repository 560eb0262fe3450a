/**
 * @file
 * Pools, for JavaScript: what is not called often.
 */
#ifndef RSEQ_ADDON_POOL_BINDING_H
#define RSEQ_ADDON_POOL_BINDING_H

#include <napi.h>

namespace rseq {
namespace addon {

/** Puts poolFlush() on the exports. */
void export_pools(Napi::Env env, Napi::Object exports);

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_POOL_BINDING_H
