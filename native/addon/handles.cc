#include "handles.h"

namespace rseq {
namespace addon {

HandleTable<Region, 1u << 16> regions;
HandleTable<ArraySeat, 1u << 14> array_seats;
HandleTable<Batch, 1u << 12> batches;
HandleTable<MutexSeat, 1u << 14> mutex_seats;
HandleTable<CpuLockSeat, 1u << 12> cpu_lock_seats;
HandleTable<RingSeat, 1u << 14> ring_seats;

} // namespace addon
} // namespace rseq
