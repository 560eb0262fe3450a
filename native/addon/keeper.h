/**
 * @file
 * What keeps a handle open in one environment, together with the memory behind it.
 */
#ifndef RSEQ_ADDON_KEEPER_H
#define RSEQ_ADDON_KEEPER_H

#include <cstdint>
#include <napi.h>

namespace rseq {
namespace addon {

/** Answered beside the RegionErrors: the handle table is full. src/layout.ts has the same. */
constexpr uint32_t kNoHandleLeft = 100;

/**
 * A value that holds `memory`, and closes the handle by `release(handle)` when it is collected or the environment
 * ends, also that of a terminated Worker: on its thread, and never inside a call.
 */
template <typename Memory, typename Release>
Napi::Value make_keeper(Napi::Env env, uint32_t handle, Memory memory, Release release) {
  struct Keeper {
    uint32_t handle;
    Napi::Reference<Memory> memory;
  };
  const auto finalize = [release](Napi::Env, Keeper* done) {
    release(done->handle);
    delete done;
  };
  return Napi::External<Keeper>::New(env, new Keeper{handle, Napi::Persistent(memory)}, finalize);
}

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_KEEPER_H
