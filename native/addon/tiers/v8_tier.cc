#include "v8_tier.h"

#ifdef RSEQ_NODE_ABI // Defined by binding.gyp for the Node versions that v8_fast_call.h knows.

#include "../environment.h"
#include "../operations.h"
#include "v8_callbacks.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#if defined(__GLIBC__) && __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
// std::shared_ptr asks this of glibc 2.32 and later, to save atomics in a process of one thread. Defined here, hidden,
// it says that there are more threads, and the binary still runs on glibc 2.28.
extern "C" char __libc_single_threaded;
char __libc_single_threaded = 0;
#endif

namespace percpu {
namespace addon {

thread_local uint32_t slow_calls = 0;

namespace {

/** slowCalls(): how many calls of this thread were not fast. */
napi_value count_slow_calls(const Call& call) noexcept {
  return call.number(slow_calls);
}

/** Whether Node has the version for which this binary was built. Node does not check that for Node-API binaries. */
bool runs_on_its_own_node(napi_env env) noexcept {
  const napi_node_version* version;
  return succeeded(napi_get_node_version(env, &version)) && version->major == node_major_of(RSEQ_NODE_ABI);
}

/** More than the part of a shared_ptr takes that all its copies have in common. */
constexpr size_t kControlBlockBytes = 128;

/** An allocator of one object, in a block of malloc's: libstdc++'s `operator new` would link the unwinder. */
template <typename Value> struct InBlock {
  using value_type = Value;
  explicit InBlock(void* malloced) noexcept : block(malloced) {}
  template <typename Other> InBlock(const InBlock<Other>& other) noexcept : block(other.block) {}
  Value* allocate(size_t) noexcept {
    static_assert(sizeof(Value) <= kControlBlockBytes);
    return static_cast<Value*>(block);
  }
  void deallocate(Value* value, size_t) noexcept { free(value); }
  template <typename Other> bool operator==(const InBlock<Other>& other) const noexcept { return block == other.block; }
  template <typename Other> bool operator!=(const InBlock<Other>& other) const noexcept { return block != other.block; }

  void* block;
};

struct DeleteStore {
  void operator()(v8::BackingStore* store) const noexcept { delete store; }
};

/** The getter of `fast`. Replaces itself by the object that it makes. */
napi_value make_fast(const Call& call) noexcept {
  if (!runs_on_its_own_node(call.env))
    return call.null();
  Object operations(call.env);
  V8Tier tier(operations);
  for_each_operation(tier);
  Object fast(call.env);
  fast.value("operations", operations.value()).function<count_slow_calls>("slowCalls", call.environment());
  napi_property_descriptor own = {};
  own.utf8name = "fast";
  own.value = fast.value();
  if (own.value == nullptr || !succeeded(napi_define_properties(call.env, call.receiver, 1, &own)))
    return nullptr;
  return own.value;
}

} // namespace

void export_v8_tier(Environment& environment, Object& exports) noexcept {
  exports.number("fastAbi", runs_on_its_own_node(environment.env()) ? RSEQ_NODE_ABI : 0);
  exports.getter<make_fast>("fast", environment);
}

bool has_v8_buffers(napi_env env) noexcept {
  return runs_on_its_own_node(env);
}

napi_value make_v8_buffer(void* memory, size_t size, void (*release)(void*, size_t, void*), void* hint) noexcept {
  void* block = malloc(kControlBlockBytes);
  if (block == nullptr) {
    release(memory, size, hint);
    return nullptr;
  }
  v8::BackingStore* store = v8::SharedArrayBuffer::NewBackingStore(memory, size, release, hint).release();
  std::shared_ptr<v8::BackingStore> shared(store, DeleteStore(), InBlock<v8::BackingStore>(block));
  const v8::Local<v8::SharedArrayBuffer> buffer =
      v8::SharedArrayBuffer::New(v8::Isolate::GetCurrent(), std::move(shared));
  napi_value value;
  static_assert(sizeof(napi_value) == sizeof(buffer));
  memcpy(&value, &buffer, sizeof(napi_value));
  return value;
}

} // namespace addon
} // namespace percpu

#else

namespace percpu {
namespace addon {

void export_v8_tier(Environment&, Object& exports) noexcept {
  exports.number("fastAbi", 0).null("fast");
}

bool has_v8_buffers(napi_env) noexcept {
  return false;
}

napi_value make_v8_buffer(void*, size_t, void (*)(void*, size_t, void*), void*) noexcept {
  return nullptr;
}

} // namespace addon
} // namespace percpu

#endif
