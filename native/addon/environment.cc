#include "environment.h"

#include "../percpu/owner.h"
#include "../percpu/remote.h"
#include "../rseq/thread.h"
#include "tiers/scratch.h"

#include <cstdlib>

namespace percpu {
namespace addon {
namespace {

/** An environment with fewer handles and less memory than this does not look for collected keepers. */
constexpr uint32_t kFewHandles = 4096;
constexpr size_t kLittleMemory = size_t{64} << 20;

/** How many environments the calling thread has. The thread is an owner until the last one ends. */
thread_local uint32_t environments = 0;

/** The number of the keeper that was made last in this process. Threads add to it by an atomic. */
uint64_t last_number = 0;

/** A number as the data of a finalizer, which is never used as an address. */
void* as_data(uint64_t number) noexcept {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(number)); // NOLINT(performance-no-int-to-ptr)
}

/**
 * Makes the engine collect all garbage before this returns. Node-API has no call for that, but V8 collects at once if
 * it is told of much external memory (more than half of the largest heap).
 */
void collect_garbage(napi_env env) noexcept {
  constexpr int64_t kTooMuch = int64_t{1} << 44;
  int64_t total;
  ignored(napi_adjust_external_memory(env, kTooMuch, &total));
  ignored(napi_adjust_external_memory(env, -kTooMuch, &total));
}

} // namespace

Environment* Environment::begin(napi_env env) noexcept {
  auto* begun = static_cast<Environment*>(calloc(1, sizeof(Environment)));
  if (begun == nullptr)
    return nullptr;
  begun->node_env = env;
  begun->count_limit = kFewHandles;
  begun->bytes_limit = kLittleMemory;
  if (!succeeded(napi_add_env_cleanup_hook(env, end, begun))) {
    free(begun);
    return nullptr;
  }
  attach();
  environments++;
  // Operations that V8 calls directly must not wait. patience.h has the functions that may.
  set_stop_patience(0);
  return begun;
}

void Environment::end(void* environment) noexcept {
  auto* ended = static_cast<Environment*>(environment);
  // The owner ends before its handles close, so that the locks that it holds go to the next lockers.
  if (--environments == 0) {
    end_this_owner();
    set_stop_patience(kStopPatienceMs);
  }
  while (ended->first != nullptr)
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): close() takes a keeper out of the list before it deletes it.
    ended->close(ended->first);
  scratches.remove(ended->node_env);
  if (ended->scratch_values != nullptr)
    ignored(napi_delete_reference(ended->node_env, ended->scratch_values));
  if (ended->threads != nullptr) {
    use_listed_threads(nullptr, 0);
    ignored(napi_delete_reference(ended->node_env, ended->threads));
  }
  // The last step: after it, the kernel no longer writes into the area, which is freed with the thread.
  detach();
  free(ended);
}

bool Environment::keep_scratch(napi_value values, double* scratch) noexcept {
  if (!succeeded(napi_create_reference(node_env, values, 1, &scratch_values))) {
    scratch_values = nullptr;
    return false;
  }
  scratches.add(node_env, scratch);
  return true;
}

bool Environment::keep_threads(const Words& table) noexcept {
  if (threads != nullptr || !succeeded(napi_create_reference(node_env, table.value, 1, &threads)))
    return false;
  use_listed_threads(table.data, static_cast<uint32_t>(table.length));
  return true;
}

Keeper* Environment::make_keeper(napi_value memory, size_t size, napi_value& object) noexcept {
  auto* keeper = static_cast<Keeper*>(calloc(1, sizeof(Keeper)));
  if (keeper == nullptr)
    return nullptr;
  keeper->environment = this;
  keeper->bytes = size;
  keeper->number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
  if (succeeded(napi_create_object(node_env, &object)) &&
      succeeded(napi_create_reference(node_env, memory, 1, &keeper->memory)))
    return keeper;
  free(keeper);
  return nullptr;
}

/** Makes the engine close the handle of `keeper` when `object` is collected. False if Node-API refuses. */
bool Environment::watch(Keeper* keeper, napi_value object) noexcept {
  if (succeeded(napi_add_finalizer(node_env, object, as_data(keeper->handle), finalize, as_data(keeper->number),
                                   &keeper->object)))
    return true;
  keeper->object = nullptr;
  return false;
}

/** Deletes a keeper. */
void Environment::discard(Keeper* keeper) noexcept {
  if (keeper->memory != nullptr)
    ignored(napi_delete_reference(node_env, keeper->memory));
  if (keeper->object != nullptr)
    ignored(napi_delete_reference(node_env, keeper->object));
  free(keeper);
}

void Environment::link(Keeper* keeper) noexcept {
  keeper->next = first;
  if (first != nullptr)
    first->previous = keeper;
  first = keeper;
  count++;
  bytes += keeper->bytes;
}

void Environment::close(Keeper* keeper) noexcept {
  (keeper->previous != nullptr ? keeper->previous->next : first) = keeper->next;
  if (keeper->next != nullptr)
    keeper->next->previous = keeper->previous;
  count--;
  bytes -= keeper->bytes;
  close_handle(keeper->handle);
  discard(keeper);
}

napi_value Environment::memory_of(uint32_t handle) noexcept {
  const Keeper* keeper = find_keeper(handle, this);
  napi_value memory;
  return keeper != nullptr && succeeded(napi_get_reference_value(node_env, keeper->memory, &memory)) ? memory : nullptr;
}

bool Environment::close(uint32_t handle) noexcept {
  Keeper* keeper = find_keeper(handle, this);
  if (keeper == nullptr)
    return false;
  close(keeper);
  return true;
}

void Environment::finalize(napi_env, void* handle, void* number) noexcept {
  Keeper* collected =
      find_keeper(static_cast<uint32_t>(reinterpret_cast<uintptr_t>(handle)), reinterpret_cast<uintptr_t>(number));
  if (collected != nullptr)
    collected->environment->close(collected);
}

/** Closes the handles of collected keepers, whose finalizers would run after this turn of the event loop. */
void Environment::close_collected() noexcept {
  napi_handle_scope scope;
  if (!succeeded(napi_open_handle_scope(node_env, &scope)))
    return;
  for (Keeper* keeper = first; keeper != nullptr;) {
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): close() takes a keeper out of the list before it deletes it.
    Keeper* next = keeper->next;
    napi_value object = nullptr;
    if (succeeded(napi_get_reference_value(node_env, keeper->object, &object)) && object == nullptr)
      close(keeper);
    keeper = next;
  }
  ignored(napi_close_handle_scope(node_env, scope));
}

/** Closes the handles whose keepers JavaScript can no longer reach. */
void Environment::reclaim() noexcept {
  collect_garbage(node_env);
  close_collected();
}

void Environment::make_room() noexcept {
  if (count < count_limit && bytes < bytes_limit)
    return;
  close_collected();
  if (count >= count_limit / 2 || bytes >= bytes_limit / 2)
    reclaim();
  // The next look is due when the handles have doubled, so each opening costs amortized O(1).
  count_limit = count > kFewHandles / 2 ? 2 * count : kFewHandles;
  bytes_limit = bytes > kLittleMemory / 2 ? 2 * bytes : kLittleMemory;
}

} // namespace addon
} // namespace percpu
