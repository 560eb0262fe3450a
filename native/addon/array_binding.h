/**
 * @file
 * Arrays of words: opened, read, stopped, and changed by vectors of operations.
 */
#ifndef RSEQ_ADDON_ARRAY_BINDING_H
#define RSEQ_ADDON_ARRAY_BINDING_H

#include "js.h"

namespace percpu {
namespace addon {

void export_arrays(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_ARRAY_BINDING_H
