/**
 * @file
 * The operations on stacks that take arrays, or another CPU.
 */
#ifndef RSEQ_ADDON_STACK_BINDING_H
#define RSEQ_ADDON_STACK_BINDING_H

#include <napi.h>

namespace rseq {
namespace addon {

void export_stacks(Napi::Env env, Napi::Object exports);

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_STACK_BINDING_H
