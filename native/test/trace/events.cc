/**
 * @file
 * Records events of a trace from C++, on the calling thread and on threads of its own.
 */
#include "../../percpu/trace.h"
#include "../../rseq/thread.h"

#include <napi.h>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace percpu::trace;

constexpr auto kOrder = event("order", Level::info, number<uint32_t>("n"), number<double>("ms"), text("url", 20));
constexpr auto kAll = event("all", Level::debug, number<int8_t>("i"), number<uint16_t>("u"), number<int64_t>("wide"),
                            number<float>("half"), number<bool>("ok"), choice("state", "hit|a miss"),
                            number<Flow>("flow"), bytes("raw", 4));
constexpr auto kUnknown = event("order", Level::info, number<uint32_t>("n"), number<float>("ms"), text("url", 20));

/** What JavaScript passes of a trace. */
struct Memory {
  Napi::Uint8Array ring, events;
  uint32_t slot;

  explicit Memory(const Napi::CallbackInfo& info)
      : ring(info[0].As<Napi::Uint8Array>()), events(info[1].As<Napi::Uint8Array>()),
        slot(info[2].As<Napi::Number>().Uint32Value()) {}

  TraceError open(Trace& trace) {
    return trace.open(ring.Data(), ring.ByteLength(), events.Data(), events.ByteLength(), slot);
  }
};

/** open(ring, events, slot): the number of a TraceError. */
Napi::Value open(const Napi::CallbackInfo& info) {
  Trace trace;
  return Napi::Number::New(info.Env(), static_cast<uint32_t>(Memory(info).open(trace)));
}

/** has(ring, events, slot): whether the trace has the three events of this file. */
Napi::Value has(const Napi::CallbackInfo& info) {
  Trace trace;
  Memory(info).open(trace);
  Napi::Array found = Napi::Array::New(info.Env());
  found[0u] = Napi::Boolean::New(info.Env(), static_cast<bool>(trace.recorder(kOrder)));
  found[1u] = Napi::Boolean::New(info.Env(), static_cast<bool>(trace.recorder(kAll)));
  found[2u] = Napi::Boolean::New(info.Env(), static_cast<bool>(trace.recorder(kUnknown)));
  return found;
}

/** order(ring, events, slot, first, count, url): records orders, whose numbers are first and those that follow. Returns
 * how many were recorded. */
Napi::Value order(const Napi::CallbackInfo& info) {
  Trace trace;
  Memory(info).open(trace);
  auto record = trace.recorder(kOrder);
  const uint32_t first = info[3].As<Napi::Number>().Uint32Value();
  const uint32_t count = info[4].As<Napi::Number>().Uint32Value();
  const std::string url = info[5].As<Napi::String>().Utf8Value();
  uint32_t recorded = 0;
  for (uint32_t n = first; n < first + count; n++)
    recorded += record(n, n / 2.0, url) ? 1 : 0;
  return Napi::Number::New(info.Env(), recorded);
}

/** all(ring, events, slot): records an event of all types. */
Napi::Value all(const Napi::CallbackInfo& info) {
  Trace trace;
  Memory(info).open(trace);
  return Napi::Boolean::New(info.Env(),
                            trace.recorder(kAll)(-5, 65535, INT64_MIN, 0.5f, true, {1}, {UINT64_MAX}, {"12345", 5}));
}

/** threads(ring, events, slot, threads, count): records orders on threads of its own, thread k from k * count on. */
Napi::Value threads(const Napi::CallbackInfo& info) {
  Memory memory(info);
  const uint32_t number = info[3].As<Napi::Number>().Uint32Value();
  const uint32_t count = info[4].As<Napi::Number>().Uint32Value();
  std::vector<std::thread> all;
  unsigned char* const ring = memory.ring.Data();
  unsigned char* const events = memory.events.Data();
  const size_t sizes[] = {memory.ring.ByteLength(), memory.events.ByteLength()};
  for (uint32_t k = 0; k < number; k++)
    all.emplace_back([=, slot = memory.slot] {
      percpu::attach();
      Trace trace;
      trace.open(ring, sizes[0], events, sizes[1], slot);
      auto record = trace.recorder(kOrder);
      for (uint32_t n = k * count; n < (k + 1) * count; n++)
        record(n, n / 2.0, "/thread");
      percpu::detach();
    });
  for (std::thread& thread : all)
    thread.join();
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  percpu::attach();
  env.AddCleanupHook([] { percpu::detach(); });
  exports.Set("open", Napi::Function::New<open>(env, "open"));
  exports.Set("has", Napi::Function::New<has>(env, "has"));
  exports.Set("order", Napi::Function::New<order>(env, "order"));
  exports.Set("all", Napi::Function::New<all>(env, "all"));
  exports.Set("threads", Napi::Function::New<threads>(env, "threads"));
  return exports;
}

} // namespace

NODE_API_MODULE(trace_events, init)
