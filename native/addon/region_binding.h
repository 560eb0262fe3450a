/**
 * @file
 * Making, opening and closing regions from JavaScript.
 */
#ifndef RSEQ_ADDON_REGION_BINDING_H
#define RSEQ_ADDON_REGION_BINDING_H

#include "js.h"

namespace percpu {
namespace addon {

void export_regions(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_REGION_BINDING_H
