#include "owner.h"

#include "../rseq/clocks.h"
#include "../rseq/glibc_floor.h"
#include "owner_table.h"

#include <pthread.h>

namespace percpu {
namespace owners {

constexpr uint32_t kLowGenerationBits = 14;
constexpr uint64_t kLowGenerationMask = (1u << kLowGenerationBits) - 1;
constexpr uint64_t kGenerationMask = (1u << 24) - 1;
constexpr uint32_t kHighShift = 32;
constexpr uint32_t kLeaseMask = (1u << 20) - 1;

// The calling thread's owner number in this copy of the library. Other copies in the process give it other numbers, so
// a thread does not mistake what it owns by another copy for its own.
thread_local uint64_t self = kNobody;
/** See before_owner_ends(). */
void (*at_end)(uint64_t owner) noexcept;
thread_local const int32_t* listed = nullptr;
thread_local uint32_t listed_words = 0;

uint64_t generation_of(uint64_t state) noexcept {
  return ((state + 1) >> 1) & kGenerationMask;
}

uint32_t slot_of(uint64_t owner) noexcept {
  return static_cast<uint32_t>(owner) & (kSlots - 1);
}

/** As src/core/owner.ts: the upper 10 bits of a hash, which are never 0. */
uint32_t check_of(uint32_t slot, uint64_t generation) noexcept {
  const uint32_t check = (slot * 0x9e3779b1u ^ static_cast<uint32_t>(generation) * 0x85ebca77u) >> 22;
  return check != 0 ? check : 1;
}

/** The owner number of the thread that has `slot` in this generation. */
uint64_t owner_of(uint32_t slot, uint64_t generation) noexcept {
  return static_cast<uint64_t>(check_of(slot, generation)) << kOwnerCheckShift |
         generation >> kLowGenerationBits << kHighShift | (generation & kLowGenerationMask) << kOwnerSlotBits | slot;
}

/** The pthread_self() of the calling thread, which a forked child keeps. */
uint64_t pthread() noexcept {
  return static_cast<uint64_t>(pthread_self());
}

/** Takes the next free slot. It uses only atomics and no lock, as a forked child may call it at once. */
uint64_t claim() noexcept {
  Table& all = table();
  for (uint32_t tries = 0; tries < kSlots; tries++) {
    const uint32_t slot = __atomic_add_fetch(&all.looked_at, 1, __ATOMIC_RELAXED) & (kSlots - 1);
    uint64_t seen = __atomic_load_n(&all.states[slot], __ATOMIC_RELAXED);
    const uint64_t generation = generation_of(seen + 1);
    if (slot == 0 || (seen & 1) != 0 || generation == 0 ||
        !__atomic_compare_exchange_n(&all.states[slot], &seen, seen + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      continue;
    all.older[slot] = 0;
    __atomic_store_n(&all.threads[slot], pthread(), __ATOMIC_RELAXED);
    return owner_of(slot, generation);
  }
  return kNobody;
}

/** Frees the slots of an owner. Release order: a thread that finds the owner ended sees what it stored. */
void end(uint64_t owner) noexcept {
  Table& all = table();
  for (uint32_t slot = slot_of(owner); slot != 0;) {
    const uint32_t next = all.older[slot];
    __atomic_store_n(&all.threads[slot], 0, __ATOMIC_RELAXED);
    // Barrier P: pairs with Q in native/percpu/owner.cc.
    __atomic_fetch_add(&all.states[slot], 1, __ATOMIC_RELEASE);
    slot = next;
  }
}

/**
 * Runs in a forked child. Only the calling thread of the parent's threads lives on; it becomes a new owner, and the
 * others end as owners. The thread keeps its old slot, too, as the seats that it opened before the fork keep the old
 * number. Each copy of the library does this for its own numbers. A second copy ends no owner that has already ended.
 */
void after_fork() noexcept {
  Table& all = table();
  for (uint32_t slot = 1; slot < kSlots; slot++)
    if ((all.states[slot] & 1) != 0 && all.threads[slot] != pthread())
      all.states[slot]++;
  const uint64_t before = self;
  if (before == kNobody)
    return;
  self = claim();
  if (self != kNobody)
    all.older[slot_of(self)] = static_cast<uint16_t>(slot_of(before));
  else
    self = before;
}

void end_thread(void*) noexcept {
  end_this_owner();
}

pthread_key_t at_thread_end;
bool has_key;

void prepare() noexcept {
  has_key = pthread_key_create(&at_thread_end, end_thread) == 0;
  pthread_atfork(nullptr, nullptr, after_fork);
}

/** Makes the key by which a thread's end is noticed. Without a key, no thread may own anything. */
uint64_t begin() noexcept {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, prepare);
  if (!has_key || pthread_setspecific(at_thread_end, &self) != 0)
    return kNobody;
  return claim();
}

Life life_of_native(uint64_t word) noexcept {
  const uint32_t slot = slot_of(word);
  // Barrier Q: pairs with P in native/percpu/owner.cc.
  const uint64_t state = __atomic_load_n(&table().states[slot], __ATOMIC_ACQUIRE);
  return (state & 1) != 0 && owner_of(slot, generation_of(state)) == word ? Life::alive : Life::ended;
}

/** Whether a portable thread lives, according to the table of portable threads. */
Life life_in_list(uint32_t low) noexcept {
  for (uint32_t at = kListedHead; at + kListedRow <= listed_words; at += kListedRow) {
    // Loads the thread's number last: a row that is being reused counts as alive until it is complete.
    if (static_cast<uint32_t>(__atomic_load_n(listed + at + kListedLow, __ATOMIC_ACQUIRE)) == low)
      return __atomic_load_n(listed + at + kListedThread, __ATOMIC_ACQUIRE) > 0 ? Life::alive : Life::ended;
  }
  return Life::unknown;
}

/** Alive if the lease ends between now and kLeaseMs from now. */
Life life_by_lease(uint32_t lease) noexcept {
  const uint32_t left = (lease - static_cast<uint32_t>(monotonic_ms() >> kLeaseUnitShift)) & kLeaseMask;
  return left != 0 && left <= kLeaseMs >> kLeaseUnitShift ? Life::alive : Life::ended;
}

Life life_of_portable(uint64_t word) noexcept {
  const auto low = static_cast<uint32_t>(word);
  const auto family = static_cast<Family>(low >> kOwnerFamilyShift & 3);
  if (family != Family::main && family != Family::other)
    return Life::ended;
  const Life life = life_in_list(low);
  if (life != Life::unknown)
    return life;
  if (family == Family::main && listed_words != 0 && listed[0] == 1)
    return Life::ended;
  const auto lease = static_cast<uint32_t>(word >> kOwnerLeaseShift) & kLeaseMask;
  return lease != 0 ? life_by_lease(lease) : Life::unknown;
}

} // namespace owners

uint64_t this_owner() noexcept {
  if (__builtin_expect(owners::self == kNobody, false))
    owners::self = owners::begin();
  return owners::self;
}

void before_owner_ends(void (*act)(uint64_t owner) noexcept) noexcept {
  __atomic_store_n(&owners::at_end, act, __ATOMIC_RELEASE);
}

void end_this_owner() noexcept {
  const auto act = __atomic_load_n(&owners::at_end, __ATOMIC_ACQUIRE);
  if (act != nullptr && owners::self != kNobody)
    act(owners::self);
  owners::end(owners::self);
  owners::self = kNobody;
}

uint32_t owner_check(uint64_t word) noexcept {
  const uint64_t high = word >> owners::kHighShift & ((1u << (kOwnerCheckShift - owners::kHighShift)) - 1);
  const uint64_t low = word >> kOwnerSlotBits & owners::kLowGenerationMask;
  return owners::check_of(owners::slot_of(word), high << owners::kLowGenerationBits | low);
}

Life owner_life(uint64_t word) noexcept {
  // Only this process uses the memory: no owner in another process can have written the word.
  if (word >> kOwnerProcessShift != 0 || (word & kOwnerDied) != 0)
    return Life::ended;
  return (word & kOwnerPortable) != 0 ? owners::life_of_portable(word) : owners::life_of_native(word);
}

void use_listed_threads(const int32_t* words, uint32_t count) noexcept {
  owners::listed = words;
  owners::listed_words = words == nullptr ? 0 : count;
}

} // namespace percpu
