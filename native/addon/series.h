/**
 * @file
 * Metrics of `rseq/metrics`, updated from another addon.
 *
 * `nativeSeries(series)` of `rseq/metrics` makes an object that JavaScript hands to the addon. Series::open() reads it:
 *
 *     percpu::Series requests;
 *     if (percpu::Series::open(env, argument, requests) != napi_ok) ...
 *     napi_create_reference(env, argument, 1, &kept); // as long as the series is used
 *     requests.add(1);                                // from any thread
 *
 * The addon compiles nothing else of rseq: the functions are those of the addon that JavaScript has loaded, so memory
 * of processes, owners and CPUs are the same ones. This header needs Node-API 8 and C++17.
 */
#ifndef RSEQ_SERIES_H
#define RSEQ_SERIES_H

#include <algorithm>
#include <cstdint>
#include <node_api.h>

namespace percpu {

/** What a series is. */
enum class SeriesKind : uint32_t {
  counter = 1,   ///< It only grows.
  gauge = 2,     ///< It goes up and down.
  histogram = 3, ///< It counts observed values by buckets.
};

/**
 * What the object of `nativeSeries()` wraps. The functions answer 0 if they have updated the series. They accept any
 * integers, are wait-free and thread-safe, and order no other memory accesses.
 */
struct SeriesParts {
  uint32_t (*add)(uint32_t handle, uint32_t i, double delta) noexcept;
  uint32_t (*observe)(uint32_t counts, uint32_t bucket, uint32_t sums, uint32_t sum, double value) noexcept;
  SeriesKind kind;
  uint32_t handle; ///< Of the counter's or gauge's region; of the histogram's buckets.
  uint32_t first;  ///< The counter, or the first bucket.
  uint32_t sums;
  uint32_t sum;
  uint32_t takes_negative; ///< 0 for counters and exponential histograms.
  uint32_t bound_count;
  const double* bounds; ///< Ascending. One more bucket counts what is above them.
};

/** Marks the objects that wrap SeriesParts of this layout, so that no other object is taken for one. */
constexpr napi_type_tag kSeriesTag = {0x5f1a6c0d72e94b38, 0x8d03b7f1c96e2a01};

/**
 * One series of a metric. It can be copied, and used by any thread, as long as the object that it was opened from is
 * referenced, and the thread of JavaScript that made that object runs.
 */
class Series {
public:
  /**
   * Reads what `nativeSeries()` has returned. Call it on a thread of JavaScript. O(1).
   * @return napi_ok; napi_object_expected or napi_invalid_arg if `value` is something else, and then `series` is
   * unchanged.
   */
  static napi_status open(napi_env env, napi_value value, Series& series) noexcept {
    bool is_series = false;
    void* parts = nullptr;
    if (!succeeded(napi_check_object_type_tag(env, value, &kSeriesTag, &is_series)))
      return napi_object_expected;
    if (!is_series || !succeeded(napi_unwrap(env, value, &parts)))
      return napi_invalid_arg;
    series.parts = static_cast<const SeriesParts*>(parts);
    return napi_ok;
  }

  /** Whether open() has succeeded. All other members of a series that is not open answer false. */
  explicit operator bool() const noexcept { return parts != nullptr; }

  /**
   * Adds `delta` to a counter or gauge, exactly once. Wait-free, O(1); relaxed memory order.
   * @return false, and nothing is added, if the series is a histogram, `delta` is not finite, below 0 for a counter, or
   *     no safe integer where the metric has whole numbers; and after the metrics were closed.
   */
  bool add(double delta) const noexcept {
    return parts != nullptr && parts->kind != SeriesKind::histogram && accepts(delta) &&
           parts->add(parts->handle, parts->first, delta) == 0;
  }

  /**
   * Counts `value` in a histogram, exactly once. Wait-free, O(log bounds); relaxed memory order.
   * @return false, and nothing is counted, if the series is no histogram, `value` is not finite, or below 0 for
   *     exponential buckets; and after the metrics were closed.
   */
  bool observe(double value) const noexcept {
    if (parts == nullptr || parts->kind != SeriesKind::histogram || !accepts(value))
      return false;
    const double* const end = parts->bounds + parts->bound_count;
    const auto bucket = static_cast<uint32_t>(std::lower_bound(parts->bounds, end, value) - parts->bounds);
    return parts->observe(parts->handle, parts->first + bucket, parts->sums, parts->sum, value) == 0;
  }

private:
  /** Whether a call of Node-API has done what it was asked for. */
  static bool succeeded(napi_status status) noexcept { return status == napi_ok; }

  /** An infinity or a NaN, less itself, is a NaN. */
  bool accepts(double number) const noexcept {
    return number - number == 0 && (number >= 0 || parts->takes_negative != 0);
  }

  const SeriesParts* parts = nullptr;
};

} // namespace percpu

#endif // RSEQ_SERIES_H
