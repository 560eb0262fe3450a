/**
 * @file
 * Rings: opening one, and everything that reads. `rings` is typed by src/core/ring-operations.ts.
 */
#ifndef RSEQ_ADDON_RING_BINDING_H
#define RSEQ_ADDON_RING_BINDING_H

#include "js.h"

namespace percpu {
namespace addon {

void export_rings(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_RING_BINDING_H
