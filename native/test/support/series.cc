#include "../../addon/series.h"
#include "support.h"

#include <thread>
#include <vector>

namespace test_support {
namespace {

std::vector<std::thread> running;

/** Opens an argument. If it is no series, throws a TypeError and answers a series that is not open. */
percpu::Series opened(const Napi::CallbackInfo& info, size_t argument = 0) {
  percpu::Series series;
  if (percpu::Series::open(info.Env(), info[argument], series) != napi_ok)
    Napi::TypeError::New(info.Env(), "expected an object of nativeSeries()").ThrowAsJavaScriptException();
  return series;
}

} // namespace

Napi::Value series_add(const Napi::CallbackInfo& info) {
  const double delta = info[1].ToNumber().DoubleValue();
  return Napi::Boolean::New(info.Env(), opened(info).add(delta));
}

Napi::Value series_observe(const Napi::CallbackInfo& info) {
  const double value = info[1].ToNumber().DoubleValue();
  return Napi::Boolean::New(info.Env(), opened(info).observe(value));
}

Napi::Value series_start(const Napi::CallbackInfo& info) {
  const uint32_t threads = info[2].ToNumber().Uint32Value();
  const uint32_t times = info[3].ToNumber().Uint32Value();
  const percpu::Series counter = opened(info);
  const percpu::Series histogram = opened(info, 1);
  for (uint32_t thread = 0; thread < threads; thread++) {
    running.emplace_back([counter, histogram, times] {
      for (uint32_t k = 0; k < times; k++) {
        counter.add(1);
        histogram.observe(k % 4);
      }
    });
  }
  return info.Env().Undefined();
}

Napi::Value series_join(const Napi::CallbackInfo& info) {
  for (std::thread& thread : running)
    thread.join();
  running.clear();
  return info.Env().Undefined();
}

} // namespace test_support
