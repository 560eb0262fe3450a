#include "series_binding.h"

#include "counter_operations.h"
#include "environment.h"
#include "series.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

namespace percpu {
namespace addon {
namespace {

/** As counter_add(), with the shortest way for small whole numbers. */
uint32_t add_to_series(uint32_t handle, uint32_t i, double delta) noexcept {
  const bool is_small = delta >= INT32_MIN && delta <= INT32_MAX && delta == std::trunc(delta);
  if (is_small && counter_add_int32(handle, i, static_cast<int32_t>(delta)) == answer(Status::ok))
    return answer(Status::ok);
  return counter_add(handle, i, delta);
}

uint32_t observe_in_series(uint32_t counts, uint32_t bucket, uint32_t sums, uint32_t sum, double value) noexcept {
  return counted_add(counts, bucket, sums, sum, value);
}

void free_parts(napi_env, void* parts, void*) noexcept {
  std::free(parts);
}

/** Whether the parts name counters that exist. */
bool are_sound(const SeriesParts& parts) noexcept {
  const Region* region = find_region(parts.handle, Kind::counters);
  if (region == nullptr || parts.first >= region->length || region->length - parts.first <= parts.bound_count)
    return false;
  if (parts.kind != SeriesKind::histogram)
    return parts.bound_count == 0;
  const Region* sums = find_region(parts.sums, Kind::counters);
  return region->element == Element::i64 && sums != nullptr && parts.sum < sums->length;
}

/**
 * openSeries(kind, handle, first, sums, sum, takesNegative, bounds): an object that wraps SeriesParts, or null. The
 * caller keeps the memory of the regions alive as long as the object.
 */
napi_value open_series(const Call& call) noexcept {
  uint32_t kind, handle, first, sums, sum, takes_negative;
  Doubles bounds;
  if (!call.read(kind, handle, first, sums, sum, takes_negative, bounds) || bounds.length > UINT32_MAX)
    return call.null();
  void* const memory = std::malloc(sizeof(SeriesParts) + bounds.length * sizeof(double));
  if (memory == nullptr)
    return call.null();
  auto* const copy = reinterpret_cast<double*>(static_cast<char*>(memory) + sizeof(SeriesParts));
  if (bounds.length != 0)
    memcpy(copy, bounds.data, bounds.length * sizeof(double));
  const auto* parts = new (memory)
      SeriesParts{add_to_series, observe_in_series, static_cast<SeriesKind>(kind),        handle, first, sums,
                  sum,           takes_negative,    static_cast<uint32_t>(bounds.length), copy};
  napi_value made;
  if (!are_sound(*parts) || !succeeded(napi_create_object(call.env, &made)) ||
      !succeeded(napi_wrap(call.env, made, memory, free_parts, nullptr, nullptr))) {
    std::free(memory);
    return call.null();
  }
  return succeeded(napi_type_tag_object(call.env, made, &kSeriesTag)) ? made : call.null();
}

} // namespace

void export_series(Environment& environment, Object& exports) noexcept {
  exports.function<open_series>("openSeries", environment);
}

} // namespace addon
} // namespace percpu
