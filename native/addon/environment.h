/**
 * @file
 * The state of this addon in one environment (the main thread or a Worker), from the load of the addon to its end.
 *
 * Environment::end() does all that is necessary when an environment ends, in the necessary order.
 */
#ifndef RSEQ_ADDON_ENVIRONMENT_H
#define RSEQ_ADDON_ENVIRONMENT_H

#include "handles.h"
#include "js.h"

namespace percpu {
namespace addon {

/** A result beside the RegionErrors: the handle table is full. src/core/layout.ts has the same number. */
constexpr uint32_t kNoHandleLeft = 100;

/** The part of an open handle that is not in the handle table. */
struct Keeper {
  Environment* environment;
  Keeper* next;
  Keeper* previous;
  napi_ref memory; ///< Strong: keeps the memory as long as the handle is open.
  napi_ref object; ///< Weak: the handle is closed when this object is collected.
  size_t bytes;    ///< How much memory the handle keeps.
  uint64_t number; ///< Unique in the process: no later keeper has it.
  uint32_t handle;
};

/** The result of Environment::open(). */
struct Opened {
  uint32_t handle;   ///< 0 if nothing was opened.
  napi_value keeper; ///< The object that keeps the handle open; null if nothing was opened.
  bool is_full;      ///< Nothing was opened because the table is full, and not because Node-API refused a call.
};

/**
 * One environment. Only its thread uses it.
 *
 * A handle closes when JavaScript closes it, when its keeper object is collected, or when the environment ends. Node
 * calls the finalizer of a collected object between two turns of the event loop. A loop that makes and drops objects
 * within one turn would fill the table before that. Therefore open() looks for collected keepers itself, whenever the
 * number of handles or the memory that they keep has doubled since its last look, and makes V8 collect garbage if it
 * finds too few.
 */
class Environment {
public:
  /** Begins the environment: attaches its thread, and registers end() as its hook. Null if Node-API refuses that. */
  static Environment* begin(napi_env env) noexcept;

  napi_env env() const noexcept { return node_env; }

  /**
   * Opens a handle on a copy of `entry`. The handle keeps the object `memory`, of `bytes` bytes,
   * alive. Amortized O(1).
   */
  template <typename Entry, uint32_t kSlots>
  Opened open(HandleTable<Entry, kSlots>& table, uint32_t tag, const Entry& entry, napi_value memory,
              size_t bytes) noexcept {
    make_room();
    napi_value object = nullptr;
    Keeper* keeper = make_keeper(memory, bytes, object);
    if (keeper == nullptr)
      return {0, nullptr, false};
    keeper->handle = table.acquire(tag, entry, keeper);
    if (keeper->handle == 0) {
      // The table is full. Close the handles of this environment that JavaScript no longer uses, and try again.
      reclaim();
      keeper->handle = table.acquire(tag, entry, keeper);
    }
    const uint32_t handle = keeper->handle;
    if (handle == 0) {
      discard(keeper);
      return {0, nullptr, true};
    }
    link(keeper);
    if (!watch(keeper, object)) {
      close(keeper);
      return {0, nullptr, false};
    }
    return {handle, object, false};
  }

  /** The object that owns the memory of a handle of this environment; null if there is no such handle. */
  napi_value memory_of(uint32_t handle) noexcept;

  /** Closes a handle of this environment. Returns false if the integer is no open handle of it. O(1). */
  bool close(uint32_t handle) noexcept;

  /** Keeps the scratch array `values`, whose elements are at `scratch`, until the end. False if Node-API refuses. */
  bool keep_scratch(napi_value values, double* scratch) noexcept;

  /** Looks portable threads up in `table` (owner.h) until the end. False if Node-API refuses. */
  bool keep_threads(const Words& table) noexcept;

private:
  /** Ends an environment. Node calls it on the environment's thread, also in a Worker that was terminated. */
  static void end(void* environment) noexcept;

  /**
   * Closes the handle whose keeper object was collected, if it is still open. Node cancels the finalizer of a closed
   * handle. Other runtimes call it late, even after end(): so it gets numbers, and no pointer to a keeper that may be
   * freed.
   */
  static void finalize(napi_env env, void* handle, void* number) noexcept;

  void close(Keeper* keeper) noexcept;
  Keeper* make_keeper(napi_value memory, size_t size, napi_value& object) noexcept;
  bool watch(Keeper* keeper, napi_value object) noexcept;
  void discard(Keeper* keeper) noexcept;
  void link(Keeper* keeper) noexcept;
  void make_room() noexcept;
  void close_collected() noexcept;
  void reclaim() noexcept;

  napi_env node_env;
  napi_ref scratch_values; ///< Null if there is none.
  napi_ref threads;        ///< Null if there is no table of portable threads.
  Keeper* first;           ///< The list of all open handles.
  uint32_t count;          ///< How many handles are open.
  size_t bytes;            ///< How much memory they keep.
  uint32_t count_limit;    ///< make_room() looks for collected keepers if there are so many handles
  size_t bytes_limit;      ///< or if they keep so many bytes.
};

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_ENVIRONMENT_H
