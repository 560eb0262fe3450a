/**
 * @file
 * Opening mutexes, and waiting for one.
 */
#ifndef RSEQ_ADDON_MUTEX_BINDING_H
#define RSEQ_ADDON_MUTEX_BINDING_H

#include <napi.h>

namespace rseq {
namespace addon {

void export_mutexes(Napi::Env env, Napi::Object exports);

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_MUTEX_BINDING_H
