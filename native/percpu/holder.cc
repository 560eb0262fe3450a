#include "holder.h"

#include "../rseq/clocks.h"

namespace percpu {
namespace looks {

/** When a region's next look is due. Regions that meet in one place look more often than they need to. */
struct Look {
  uint64_t region; ///< The address of the region's first shard.
  uint64_t begun;  ///< Milliseconds of CLOCK_MONOTONIC.
  uint64_t due;
};

constexpr uint64_t kPauseMs = 10;
/** A look that took t is followed by a pause of this many t. */
constexpr uint64_t kPauseRatio = 20;
constexpr uint32_t kPlaces = 64;

Look all[kPlaces];

uint64_t address_of(const Region& region) noexcept {
  return reinterpret_cast<uintptr_t>(region.first_shard);
}

Look& of(const Region& region) noexcept {
  return all[address_of(region) / kShardAlignment * 0x9e3779b1u % kPlaces];
}

uint64_t load(const uint64_t& word) noexcept {
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

void store(uint64_t& word, uint64_t value) noexcept {
  __atomic_store_n(&word, value, __ATOMIC_RELAXED);
}

} // namespace looks

uint32_t unit_holder(const Region& region, uint32_t unit) noexcept {
  return has_notes(region) ? __atomic_load_n(unit_note(region, unit), __ATOMIC_RELAXED) : 0;
}

Status unit_adopt(const Region& region, uint32_t unit, uint32_t holder) noexcept {
  if (!has_notes(region))
    return Status::ok;
  if (holder == 0 && region.kind == Kind::pool)
    return Status::not_owner; // A block that no process has taken yet is free.
  const uint32_t note = process_note(region.service);
  if (note == 0)
    return Status::contended;
  // By a swap, as reclaiming takes a unit of a dead process by a swap, too: one of the two gets it.
  return __atomic_compare_exchange_n(unit_note(region, unit), &holder, note, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
             ? Status::ok
             : Status::not_owner;
}

DeadHolders::DeadHolders(const Region& region) noexcept {
  uint32_t last = 0;
  for (uint32_t unit = 0; unit < region.units; unit++) {
    const uint32_t note = unit_holder(region, unit);
    if (note == 0 || note == last)
      continue;
    last = note;
    const uint32_t at = find(note);
    // What a full table has no room for is given back by a later call.
    if (notes[at] == note || known == kPlaces / 2)
      continue;
    const Life life = life_of_note(region.service, note);
    if (life == Life::unknown)
      continue;
    known++;
    notes[at] = note;
    is_dead[at] = life == Life::ended;
    dead += is_dead[at] ? 1 : 0;
  }
}

uint32_t DeadHolders::find(uint32_t note) const noexcept {
  uint32_t at = note * 0x9e3779b1u % kPlaces;
  while (notes[at] != 0 && notes[at] != note)
    at = (at + 1) % kPlaces;
  return at;
}

bool is_look_due(const Region& region) noexcept {
  using namespace looks;
  Look& look = of(region);
  const uint64_t now = monotonic_ms();
  if (load(look.region) == address_of(region) && now < load(look.due))
    return false;
  store(look.begun, now);
  store(look.due, now + kPauseMs);
  store(look.region, address_of(region));
  return true;
}

void end_look(const Region& region, bool again) noexcept {
  using namespace looks;
  Look& look = of(region);
  const uint64_t now = monotonic_ms();
  const uint64_t pause = (now - load(look.begun)) * kPauseRatio;
  store(look.due, again ? 0 : now + (pause > kPauseMs ? pause : kPauseMs));
}

} // namespace percpu
