/**
 * @file
 * Services and mapped files for JavaScript: see ../percpu/service.h.
 */
#ifndef RSEQ_ADDON_SERVICE_BINDING_H
#define RSEQ_ADDON_SERVICE_BINDING_H

#include "js.h"

namespace percpu {
namespace addon {

void export_services(Environment& environment, Object& exports) noexcept;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_SERVICE_BINDING_H
