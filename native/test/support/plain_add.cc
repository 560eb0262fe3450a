#include "support.h"

namespace test_support {

Napi::Value plain_add(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::BigInt64Array words = info[0].As<Napi::BigInt64Array>();
  const uint32_t i = info[1].ToNumber().Uint32Value();
  const uint32_t count = info[2].ToNumber().Uint32Value();
  const uint32_t spins = info[3].ToNumber().Uint32Value();
  if (i >= words.ElementLength()) {
    Napi::RangeError::New(env, "plainAdd: no such word").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  int64_t* word = words.Data() + i;
  for (uint32_t repetition = 0; repetition < count; repetition++) {
    // Relaxed atomics are plain loads and stores that the compiler may neither merge nor move out of the loop.
    const int64_t value = __atomic_load_n(word, __ATOMIC_RELAXED);
    for (uint32_t spin = 0; spin < spins; spin++)
      __asm__ volatile("" ::: "memory");
    __atomic_store_n(word, value + 1, __ATOMIC_RELAXED);
  }
  return env.Undefined();
}

} // namespace test_support
