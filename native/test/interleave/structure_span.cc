// Spans of words, to which sums are added: a row of sections, of which here only one has something to do.
#include "../../rseq/spans.h"
#include "retry.h"

namespace percpu::interleave {
namespace {

struct Shard {
  int64_t words[kSpanWords];
};

size_t size(uint32_t shards) {
  return (shards + 1) * sizeof(Shard);
}

void set_up(const Memory& memory, Index, uint32_t) {
  for (uint32_t i = 0; i <= memory.shards; i++)
    for (int64_t& word : memory.shard<Shard>(i).words)
      word = 5;
}

const Structure span = {"span", size, 1, set_up, nullptr};

/** Where the spans begin, as if they had been aborted there: then there is one section to be interrupted. */
constexpr uint32_t kFirst = kSpanWords - 2;

/** For the last two words, or the last one alone. */
struct Sums {
  Sums(const Call& call, bool one) : sums() {
    for (uint32_t k = one ? kFirst + 1 : kFirst; k < kSpanWords; k++)
      sums[k] = static_cast<int32_t>(k + 3 * call.role);
  }
  int32_t sums[kSpanWords];
};

template <bool one> Answer add_model(const Call& call, uint32_t shard) {
  const Sums added(call, one);
  for (uint32_t k = 0; k < kSpanWords; k++)
    call.memory.shard<Shard>(shard).words[k] += added.sums[k];
  return 0;
}

template <bool one, auto section> Answer add(const Call& call) {
  Sums left(call, one);
  return retry(call, add_model<one>, [&](const Here& here, Answer&) {
    const uint32_t next = section(here, call.memory.shard<Shard>(here.index).words, left.sums, kFirst, kSpanWords);
    // A row does not say why it was left; where this one is moved, the next look at the place shows it.
    return next == kSpanWords ? Outcome::done : Outcome::aborted;
  });
}

const Rows rows({
    {"add_last", &span, add<true, load_add_store_span>, add_model<true>, kAttempts, false, false},
});

#if defined(__x86_64__)
/** Adds to both words at once, so that no reader sees only one of the additions. Only on CPUs with AVX. */
const Rows wide_rows =
    __builtin_cpu_supports("avx")
        ? Rows({
              {"add_two", &span, add<false, load_add_store_span_avx>, add_model<false>, kAttempts, false, false},
          })
        : Rows({});
#endif

} // namespace
} // namespace percpu::interleave
