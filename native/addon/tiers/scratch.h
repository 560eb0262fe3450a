/**
 * @file
 * Finds the scratch array of each environment without a call of Node-API, which would cost as much as an addition.
 */
#ifndef RSEQ_ADDON_SCRATCH_H
#define RSEQ_ADDON_SCRATCH_H

#include <cstdint>
#include <node_api.h>

namespace percpu {
namespace addon {

/** Elements of a scratch array: the most arguments that any operation has. */
constexpr uint32_t kScratchLength = 8;

/**
 * A process-wide hash table from an environment's address to its scratch array. An environment takes the first free
 * entry of the few at its place, or none if all of them are in use.
 *
 * Only one thread uses an environment. An entry for the caller's environment was written by the calling thread, and no
 * other thread changes it: no lock is needed.
 */
class ScratchTable {
public:
  /** The environment's scratch array, or null if it has none here. */
  double* find(napi_env env) noexcept {
    const Entry& entry = entries[place_of(env)];
    return __builtin_expect(entry.holds(env), true) ? entry.scratch : find_further(env);
  }

  /**
   * Adds the environment's scratch array, until remove(). An environment that loads the addon twice has two arrays: it
   * has no entry then, and each callback uses its own data.
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

  /** Removes the entry. Call it before the environment ends, as a new environment may get its address. */
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

  /** Hashes all bits of the address: the addresses of two threads may differ in high bits only. */
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

  /** find() if another environment has the first entry, which is the case for about one environment in twenty. */
  [[gnu::noinline, gnu::cold]] double* find_further(napi_env env) noexcept {
    const Entry* mine = entry_of(env);
    return mine != nullptr ? mine->scratch : nullptr;
  }

  Entry entries[kEntries];
};

inline ScratchTable scratches;

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_SCRATCH_H
