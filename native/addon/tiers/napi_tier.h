/**
 * @file
 * The hot operations through Node-API, at half its price.
 *
 * Fetching and converting an argument costs more than the call itself. Arguments and result are therefore passed in a
 * scratch array of the environment: JavaScript stores the arguments with the types of the operation (a typed array
 * converts as V8's fast calls do), calls without arguments, and reads the result from element 0. An element has 8
 * bytes: a double, or a 32-bit integer in the first half. See docs/performance.md.
 */
#ifndef RSEQ_ADDON_NAPI_TIER_H
#define RSEQ_ADDON_NAPI_TIER_H

#include "../js.h"
#include "../operations.h"
#include "scratch.h"

#include <cstring>
#include <utility>

namespace percpu {
namespace addon {

/** The scratch array from the callback's data, for an environment without a place in the table. Null if refused. */
__attribute__((noinline, cold)) inline double* scratch_from_data(napi_env env, napi_callback_info info) noexcept {
  void* data;
  if (!succeeded(napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data)))
    return nullptr;
  return static_cast<double*>(data);
}

/** The Node-API callback of one operation. Its data is the environment's scratch array. */
template <auto function> struct NapiCallback;

template <typename Result, typename... Arguments, Result (*function)(Arguments...) noexcept>
struct NapiCallback<function> {
  static_assert(sizeof...(Arguments) <= kScratchLength);

  static napi_value call(napi_env env, napi_callback_info info) noexcept {
    double* scratch = scratches.find(env);
    if (__builtin_expect(scratch == nullptr, false)) {
      scratch = scratch_from_data(env, info);
      if (scratch == nullptr)
        return nullptr;
    }
    run(scratch, std::index_sequence_for<Arguments...>{});
    return nullptr;
  }

private:
  template <size_t... position> static void run(double* scratch, std::index_sequence<position...>) noexcept {
    const Result result = function(load<Arguments>(scratch + position)...);
    memcpy(scratch, &result, sizeof(result));
  }

  template <typename Argument> static Argument load(const double* element) noexcept {
    static_assert(sizeof(Argument) <= sizeof(*element));
    Argument argument;
    memcpy(&argument, element, sizeof(argument));
    return argument;
  }
};

/** Visitor for for_each_operation(): puts every operation on `target`. */
class NapiTier {
public:
  NapiTier(napi_env env, Object& target, double* scratch) noexcept : env(env), target(target), scratch(scratch) {}

  template <auto function> void operation(const char* name) noexcept {
    napi_value callback;
    const bool is_made =
        succeeded(napi_create_function(env, name, NAPI_AUTO_LENGTH, NapiCallback<function>::call, scratch, &callback));
    target.value(name, is_made ? callback : nullptr);
  }

private:
  napi_env env;
  Object& target;
  double* scratch;
};

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_NAPI_TIER_H
