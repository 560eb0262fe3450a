/**
 * @file
 * Making, opening and closing regions from JavaScript.
 */
#ifndef RSEQ_ADDON_REGION_BINDING_H
#define RSEQ_ADDON_REGION_BINDING_H

#include "js.h"

namespace rseq {
namespace addon {

void export_regions(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_REGION_BINDING_H
