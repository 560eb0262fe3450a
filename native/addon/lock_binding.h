/**
 * @file
 * Opening locks, and waiting for them.
 */
#ifndef RSEQ_ADDON_LOCK_BINDING_H
#define RSEQ_ADDON_LOCK_BINDING_H

#include <napi.h>

namespace rseq {
namespace addon {

void export_locks(Napi::Env env, Napi::Object exports);

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_LOCK_BINDING_H
