/**
 * @file
 * The operations on stacks that take arrays, or another CPU.
 */
#ifndef RSEQ_ADDON_STACK_BINDING_H
#define RSEQ_ADDON_STACK_BINDING_H

#include "js.h"

namespace percpu {
namespace addon {

void export_stacks(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_STACK_BINDING_H
