#include "handles.h"

namespace rseq {
namespace addon {

HandleTable<Region, 1u << 16> regions;
HandleTable<Batch, 1u << 12> batches;

} // namespace addon
} // namespace rseq
