/**
 * @file
 * The operations on stacks that take arrays, or another CPU.
 */
#ifndef RSEQ_ADDON_STACK_BINDING_H
#define RSEQ_ADDON_STACK_BINDING_H

#include "js.h"

namespace rseq {
namespace addon {

void export_stacks(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_STACK_BINDING_H
