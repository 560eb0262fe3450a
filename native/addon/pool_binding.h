/**
 * @file
 * The operations on pools that are not hot.
 */
#ifndef RSEQ_ADDON_POOL_BINDING_H
#define RSEQ_ADDON_POOL_BINDING_H

#include "js.h"

namespace percpu {
namespace addon {

/** Puts poolFlush() on the exports. */
void export_pools(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_POOL_BINDING_H
