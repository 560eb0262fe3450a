/**
 * @file
 * Rings: opening one, and everything that reads. `rings` is typed by src/ring-operations.ts.
 */
#ifndef RSEQ_ADDON_RING_BINDING_H
#define RSEQ_ADDON_RING_BINDING_H

#include <napi.h>

namespace rseq {
namespace addon {

void export_rings(Napi::Env env, Napi::Object exports);

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_RING_BINDING_H
