#include "handles.h"

#include "environment.h"

namespace percpu {
namespace addon {

HandleTable<Region> regions;
HandleTable<ArraySeat> array_seats;
HandleTable<Batch> batches;
HandleTable<MutexSeat> mutex_seats;
HandleTable<CpuLockSeat> cpu_lock_seats;
HandleTable<RingSeat> ring_seats;

namespace {

/** Calls `use(table)` with the table for handles of this tag. */
template <typename Use> auto with_table_of(uint32_t tag, Use use) noexcept {
  switch (tag) {
  case kBatchTag:
    return use(batches);
  case static_cast<uint32_t>(Kind::array):
    return use(array_seats);
  case static_cast<uint32_t>(Kind::mutex):
    return use(mutex_seats);
  case static_cast<uint32_t>(Kind::cpu_lock):
    return use(cpu_lock_seats);
  case static_cast<uint32_t>(Kind::ring):
    return use(ring_seats);
  default:
    return use(regions);
  }
}

/**
 * Ends an entry before its handle is closed. If the environment ends (also that of a terminated Worker), its thread has
 * ended as an owner before (Environment::end()): a lock that it holds goes to the next locker, which learns that the
 * last owner ended. If only the JavaScript object was collected, its thread runs on, and may still use the data that
 * the lock protects: the lock stays locked.
 */
template <typename Entry> void end_entry(Entry&) noexcept {}
template <> void end_entry(MutexSeat& seat) noexcept {
  if (lock_owner_life(seat.self, seat.self.name) == Life::alive)
    mutex_forget(seat);
  else
    mutex_close(seat);
}
template <> void end_entry(CpuLockSeat& seat) noexcept {
  if (lock_owner_life(seat.self, seat.self.name) == Life::alive)
    cpu_lock_forget(seat);
  else
    cpu_lock_close(seat);
}

} // namespace

void prepare_handles() noexcept {
  regions.refuse_zero();
  array_seats.refuse_zero();
  batches.refuse_zero();
  mutex_seats.refuse_zero();
  cpu_lock_seats.refuse_zero();
  ring_seats.refuse_zero();
}

void close_handle(uint32_t handle) noexcept {
  with_table_of(tag_of(handle), [handle](auto& table) {
    auto* entry = table.find_own(handle);
    if (entry == nullptr)
      return;
    end_entry(*entry);
    table.release(handle);
  });
}

Keeper* find_keeper(uint32_t handle, const Environment* environment) noexcept {
  return with_table_of(tag_of(handle), [=](auto& table) {
    return table.find_keeper(handle, [=](const Keeper* keeper) { return keeper->environment == environment; });
  });
}

Keeper* find_keeper(uint32_t handle, uint64_t number) noexcept {
  return with_table_of(tag_of(handle), [=](auto& table) {
    return table.find_keeper(handle, [=](const Keeper* keeper) { return keeper->number == number; });
  });
}

uint32_t open_handles() noexcept {
  return regions.open_count() + array_seats.open_count() + batches.open_count() + mutex_seats.open_count() +
         cpu_lock_seats.open_count() + ring_seats.open_count();
}

} // namespace addon
} // namespace percpu
