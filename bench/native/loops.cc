#include "../../native/percpu/counter.h"
#include "../../native/rseq/cpus.h"
#include "limits.h"

#include <cstdlib>

namespace rseq_bench {
namespace {

using namespace percpu;

/**
 * Counters that the loops use in turn. An addition to the counter of the previous addition waits for a store and a
 * load, which take two or four cycles by chance, and would be all that the loop measures.
 */
constexpr uint32_t kCounters = 16;

/** A region of these counters that JavaScript cannot reach. It is made once and never freed. */
Region make_region() {
  const RegionSpec spec = {Kind::counters, Element::i64, Index::cpu_id, Writers::sections, possible_cpus(), kCounters};
  const size_t size = region_size(spec.shards, spec.length);
  void* memory = std::calloc(1, size);
  Region region = {};
  if (memory == nullptr || format_region(memory, size, spec) != RegionError::none ||
      open_region(memory, size, spec.kind, region) != RegionError::none)
    std::abort();
  return region;
}

const Region& shared_region() {
  static const Region region = make_region();
  return region;
}

/** The section written by hand: read the CPU's number, find its word, run the section, repeat if it aborts. */
void bare_section(uint32_t n) {
  const Region& region = shared_region();
  const size_t stride = region.stride;
  unsigned char* const first = region.first_shard;
  for (uint32_t i = 0; i < n; i++) {
    Outcome outcome;
    do {
      const Here place = here(Index::cpu_id);
      outcome = load_add_store(place, reinterpret_cast<int64_t*>(first + place.index * stride) + i % kCounters, 1);
    } while (__builtin_expect(outcome != Outcome::done, false));
  }
}

/** The library's C++ function. */
void library_add(uint32_t n) {
  const Region& region = shared_region();
  for (uint32_t i = 0; i < n; i++)
    counter_add(region, i % kCounters, int64_t{1});
}

/** One atomic instruction on a word of this CPU, which a section saves. */
void atomic_add(uint32_t n) {
  int64_t* word = word_at<int64_t>(shared_region(), shared_region().shards, 0);
  for (uint32_t i = 0; i < n; i++)
    __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
}

template <void (*loop)(uint32_t)> Napi::Value run(const Napi::CallbackInfo& info) {
  loop(info[0].ToNumber().Uint32Value());
  return info.Env().Undefined();
}

} // namespace

void export_loops(Napi::Env env, Napi::Object exports) {
  exports.Set("loopBareSection", Napi::Function::New<run<bare_section>>(env, "loopBareSection"));
  exports.Set("loopLibraryAdd", Napi::Function::New<run<library_add>>(env, "loopLibraryAdd"));
  exports.Set("loopAtomicAdd", Napi::Function::New<run<atomic_add>>(env, "loopAtomicAdd"));
}

} // namespace rseq_bench
