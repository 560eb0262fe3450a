/**
 * @file
 * Waiting for the owner of a shard. A thread that runs JavaScript has no patience by default (Environment::begin()): V8
 * calls the hot operations directly, where they must not block. They return Status::busy, and JavaScript then calls
 * Node-API functions that are `patient`, which wait up to kStopPatienceMs milliseconds.
 */
#ifndef RSEQ_ADDON_PATIENCE_H
#define RSEQ_ADDON_PATIENCE_H

#include "../percpu/remote.h"
#include "js.h"
#include "tiers/conversions.h"

#include <utility>

namespace percpu {
namespace addon {

/** Lets the calling thread wait for owners while this object exists. No JavaScript may run meanwhile. */
class Patience {
public:
  Patience() noexcept { set_stop_patience(kStopPatienceMs); }
  ~Patience() { set_stop_patience(0); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;
};

/** The Node-API function `function`, which may stop a shard. */
template <auto function> napi_value patient(const Call& call) noexcept {
  const Patience patience;
  return function(call);
}

/** A hot operation as a Node-API function that waits. Its arguments and its result are numbers. */
template <auto function> struct PatientOperation;

template <typename Result, typename... Arguments, Result (*function)(Arguments...) noexcept>
struct PatientOperation<function> {
  static napi_value call(const Call& call) noexcept { return run(call, std::index_sequence_for<Arguments...>{}); }

private:
  template <size_t... position> static napi_value run(const Call& call, std::index_sequence<position...>) noexcept {
    double numbers[sizeof...(Arguments)];
    if (!call.read(numbers[position]...))
      return nullptr;
    const Patience patience;
    return call.number(static_cast<double>(function(convert<Arguments>(numbers[position])...)));
  }
};

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_PATIENCE_H
