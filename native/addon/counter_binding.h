/**
 * @file
 * Reading and resetting counters: what is called now and then.
 */
#ifndef RSEQ_ADDON_COUNTER_BINDING_H
#define RSEQ_ADDON_COUNTER_BINDING_H

#include <napi.h>

namespace rseq {
namespace addon {

void export_counters(Napi::Env env, Napi::Object exports);

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_COUNTER_BINDING_H
