/**
 * @file
 * The thread's registration, its area as a typed array, and the self-test.
 */
#ifndef RSEQ_ADDON_THREAD_BINDING_H
#define RSEQ_ADDON_THREAD_BINDING_H

#include <napi.h>

namespace rseq {
namespace addon {

/** Attaches the environment's thread, detaches it when the environment ends, and exports what is about it. */
void export_thread(Napi::Env env, Napi::Object exports);

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_THREAD_BINDING_H
