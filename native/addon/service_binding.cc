#include "service_binding.h"

#include "../percpu/extents.h"
#include "../percpu/room.h"
#include "../percpu/service.h"
#include "../rseq/glibc_floor.h"
#include "environment.h"
#include "tiers/v8_tier.h"

#include <cerrno>
#if !defined(RSEQ_STATIC_LIBC)
#include <dlfcn.h>
#endif
#include <fcntl.h>
#include <limits>

namespace percpu {
namespace addon {
namespace {

/** How much of a file is allocated by one system call: a signal makes the kernel give all of that up again. */
constexpr uint64_t kAllocatedAtOnce = uint64_t{4} << 20;
/** How often a call is tried that signals interrupt. */
constexpr uint32_t kInterruptions = 100;

/** Node-API's function for foreign shared memory, from Node 22.23, 24.16 and 26.1 on: no header for Node-API 8 has it.
 */
using CreateExternal = auto(*)(napi_env, void*, size_t, void (*)(void*, void*), void*, napi_value*) -> napi_status;

CreateExternal find_create_external() noexcept {
#if defined(RSEQ_STATIC_LIBC)
  return nullptr;
#else
  return reinterpret_cast<CreateExternal>(dlsym(RTLD_DEFAULT, "node_api_create_external_sharedarraybuffer"));
#endif
}

void* as_pointer(uint64_t id) noexcept {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(id));
}

void unmap_for_v8(void*, size_t, void* id) noexcept {
  unmap_shared(reinterpret_cast<uintptr_t>(id));
}

void unmap_for_node_api(void*, void* id) noexcept {
  unmap_shared(reinterpret_cast<uintptr_t>(id));
}

/** A file descriptor; never one that a system call would take for the working directory. */
bool is_descriptor(uint32_t file) noexcept {
  return file <= INT32_MAX;
}

/** Whether bytes end with a 0, so that they can be read as a text. */
bool is_text(const Bytes& bytes) noexcept {
  return bytes.length != 0 && bytes.data[bytes.length - 1] == 0;
}

/**
 * joinService(file, path, title, way): the number of the service, or a negative errno. `path` and `title` end with a 0.
 */
napi_value join(const Call& call) noexcept {
  uint32_t file, way;
  Bytes path, title;
  if (!call.read(file, path, title, way) || !is_descriptor(file) || !is_text(path) || !is_text(title))
    return nullptr;
  return call.number(join_service(static_cast<int>(file), reinterpret_cast<const char*>(path.data),
                                  reinterpret_cast<const char*>(title.data), static_cast<Way>(way)));
}

/** serveFences(service, file): 0, or an errno. See serve_fences(). */
napi_value serve(const Call& call) noexcept {
  uint32_t service, file;
  if (!call.read(service, file) || !is_descriptor(file))
    return nullptr;
  return call.number(serve_fences(service, static_cast<int>(file)));
}

/** serviceSlot(service): the slot of this process; 0 if it has none. */
napi_value slot(const Call& call) noexcept {
  uint32_t service;
  return call.read(service) ? call.number(service_slot(service)) : nullptr;
}

/** isSlotTaken(service, slot): whether a living process has it. */
napi_value is_taken(const Call& call) noexcept {
  uint32_t service, number;
  return call.read(service, number) ? call.boolean(is_slot_taken(service, number)) : nullptr;
}

/** processNote(service): the note that names this process; 0 if it has no slot. As a signed number of 32 bits. */
napi_value note(const Call& call) noexcept {
  uint32_t service;
  return call.read(service) ? call.number(static_cast<int32_t>(process_note(service))) : nullptr;
}

/** serviceOf(bytes): the number of the service that mapped memory belongs to; 0 for memory of this process alone. */
napi_value service_of_bytes(const Call& call) noexcept {
  Bytes bytes;
  return call.read(bytes) ? call.number(service_of(bytes.data)) : nullptr;
}

/** isNoteAlive(service, note): whether the process that a note names lives. Accepts every note. */
napi_value is_note_alive(const Call& call) noexcept {
  uint32_t service, number;
  return call.read(service, number) ? call.boolean(life_of_note(service, number) == Life::alive) : nullptr;
}

/** lockByte(file, byte, milliseconds, isShared): 0, or an errno; EAGAIN if another holder did not let go. Blocks. */
napi_value lock(const Call& call) noexcept {
  uint32_t file, byte, milliseconds;
  bool is_shared;
  if (!call.read(file, byte, milliseconds, is_shared) || !is_descriptor(file))
    return nullptr;
  return call.number(lock_byte(static_cast<int>(file), byte, milliseconds, is_shared));
}

/** isByteLocked(file, byte): whether another open file description has a lock on the byte. */
napi_value is_locked(const Call& call) noexcept {
  uint32_t file, byte;
  if (!call.read(file, byte) || !is_descriptor(file))
    return nullptr;
  return call.boolean(is_byte_locked(static_cast<int>(file), byte));
}

int allocate_part(int file, off_t from, off_t length) noexcept {
  int error = EINTR;
  for (uint32_t tries = 0; error == EINTR && tries < kInterruptions; tries++)
    error = posix_fallocate(file, from, length);
  if (error == 0)
    touch_allocated(file, from, static_cast<size_t>(length));
  return error;
}

/** allocateFile(file, bytes): gives a file so many bytes that are really there. 0, or an errno. */
napi_value allocate(const Call& call) noexcept {
  uint32_t file;
  int64_t bytes;
  if (!call.read(file, bytes) || !is_descriptor(file) || bytes <= 0)
    return nullptr;
  int error = 0;
  const auto end = static_cast<uint64_t>(bytes);
  for (uint64_t done = 0; error == 0 && done < end; done += kAllocatedAtOnce) {
    const uint64_t length = end - done < kAllocatedAtOnce ? end - done : kAllocatedAtOnce;
    error = allocate_part(static_cast<int>(file), static_cast<off_t>(done), static_cast<off_t>(length));
  }
  return call.number(error);
}

/** allocatesLater(): whether files need not be allocated as a whole: see extents.h. */
napi_value allocates_later(const Call& call) noexcept {
  return call.boolean(can_allocate_later());
}

/** cgroupRoom(cgroups, own): see cgroup_room(); Infinity without a limit. Without paths, it reads the system's. */
napi_value room_in_cgroup(const Call& call) noexcept {
  Bytes cgroups, own;
  uint64_t room;
  if (!call.read(cgroups, own))
    room = cgroup_room();
  else if (is_text(cgroups) && is_text(own))
    room = cgroup_room(reinterpret_cast<const char*>(cgroups.data), reinterpret_cast<const char*>(own.data));
  else
    return nullptr;
  return call.number(room == kNoLimit ? std::numeric_limits<double>::infinity() : static_cast<double>(room));
}

/**
 * mapFile(file, bytes, service, isNode): a SharedArrayBuffer over the first bytes of a file, which other processes see.
 * It is unmapped when no thread has it any more. A negative errno if the kernel refuses to map; null if this runtime
 * takes no foreign memory. `isNode`: this is Node itself, and V8 may be asked if the binary is made for it. Other
 * runtimes say that they are Node, and end the process when they are given foreign memory.
 */
napi_value map(const Call& call) noexcept {
  uint32_t file, service;
  int64_t bytes;
  bool is_node;
  if (!call.read(file, bytes, service, is_node) || !is_descriptor(file) || bytes <= 0)
    return nullptr;
  const CreateExternal create_external = find_create_external();
  const bool has_v8 = is_node && has_v8_buffers(call.env);
  if (!has_v8 && create_external == nullptr)
    return call.null();
  uint64_t id = 0;
  const auto size = static_cast<size_t>(bytes);
  void* memory = map_shared(static_cast<int>(file), size, service, id);
  if (memory == nullptr)
    return call.number(-errno);
  if (has_v8)
    return make_v8_buffer(memory, size, unmap_for_v8, as_pointer(id));
  napi_value buffer;
  if (succeeded(create_external(call.env, memory, size, unmap_for_node_api, as_pointer(id), &buffer)))
    return buffer;
  unmap_shared(id);
  return call.null();
}

} // namespace

void export_services(Environment& environment, Object& exports) noexcept {
  exports.function<join>("joinService", environment)
      .function<serve>("serveFences", environment)
      .function<slot>("serviceSlot", environment)
      .function<is_taken>("isSlotTaken", environment)
      .function<service_of_bytes>("serviceOf", environment)
      .function<note>("processNote", environment)
      .function<is_note_alive>("isNoteAlive", environment)
      .function<lock>("lockByte", environment)
      .function<is_locked>("isByteLocked", environment)
      .function<allocate>("allocateFile", environment)
      .function<allocates_later>("allocatesLater", environment)
      .function<room_in_cgroup>("cgroupRoom", environment)
      .function<map>("mapFile", environment);
}

} // namespace addon
} // namespace percpu
