/**
 * @file
 * The scratch array of each environment, found without asking Node-API: that costs as much as an
 * addition does.
 */
#ifndef RSEQ_ADDON_SCRATCH_H
#define RSEQ_ADDON_SCRATCH_H

#include <cstdint>
#include <node_api.h>

namespace rseq {
namespace addon {

/** Elements of a scratch array: the most arguments that any operation has. */
constexpr uint32_t kScratchLength = 8;

/**
 * Where the environments' scratch arrays are: a process-wide table by the environment's address. Each
 * entry belongs to one environment at a time: the first that was free of the few after its place. Who finds all of them
 * taken does without.
 *
 * An environment is used by one thread only. So an entry that names the caller's environment was
 * written by this very thread, and no other one may change it: no lock is needed.
 */
class ScratchTable {
public:
  /** The environment's scratch array, or null if it has none here. */
  double* find(napi_env env) noexcept {
    const Entry& entry = entries[place_of(env)];
    return __builtin_expect(entry.holds(env), true) ? entry.scratch : find_further(env);
  }

  /**
   * Remembers the environment's scratch array, until remove(). An environment that loads the addon
   * twice has two: then it gets none here, and each function asks for its own.
   */
  void add(napi_env env, double* scratch) noexcept {
    if (Entry* mine = entry_of(env)) {
      mine->scratch = nullptr;
      return;
    }
    for (uint32_t k = 0; k < kTried; k++) {
      Entry& entry = entries[(place_of(env) + k) % kEntries];
      napi_env nobody = nullptr;
      if (__atomic_compare_exchange_n(&entry.env, &nobody, env, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        entry.scratch = scratch;
        return;
      }
    }
  }

  /** Forgets it: before the environment ends, as another may get its address. */
  void remove(napi_env env) noexcept {
    if (Entry* mine = entry_of(env))
      __atomic_store_n(&mine->env, nullptr, __ATOMIC_RELEASE);
  }

private:
  struct Entry {
    bool holds(napi_env wanted) const noexcept { return __atomic_load_n(&env, __ATOMIC_ACQUIRE) == wanted; }

    napi_env env;
    double* scratch;
  };
  static constexpr uint32_t kPlaceBits = 8;
  static constexpr uint32_t kEntries = 1u << kPlaceBits;
  static constexpr uint32_t kTried = 8;

  /** Spreads all bits of the address: those of two threads may differ in high ones only. */
  static uint32_t place_of(napi_env env) noexcept {
    constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15;
    return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(env) * kGoldenRatio >> (64 - kPlaceBits));
  }

  Entry* entry_of(napi_env env) noexcept {
    for (uint32_t k = 0; k < kTried; k++) {
      Entry& entry = entries[(place_of(env) + k) % kEntries];
      if (entry.holds(env))
        return &entry;
    }
    return nullptr;
  }

  /** Out of line: another environment has the first place, as it may be with one in some twenty. */
  [[gnu::noinline, gnu::cold]] double* find_further(napi_env env) noexcept {
    const Entry* mine = entry_of(env);
    return mine != nullptr ? mine->scratch : nullptr;
  }

  Entry entries[kEntries];
};

inline ScratchTable scratches;

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_SCRATCH_H
