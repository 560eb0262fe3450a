/**
 * @file
 * Objects by which other addons update metrics: see native/addon/series.h.
 */
#ifndef RSEQ_ADDON_SERIES_BINDING_H
#define RSEQ_ADDON_SERIES_BINDING_H

#include "js.h"

namespace percpu {
namespace addon {

void export_series(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_SERIES_BINDING_H
