// Spans of words, to which sums are added: a row of sections, of which here only one has something to do.
#include "../../rseq/spans.h"
#include "retry.h"

namespace rseq::interleave {
namespace {

struct Shard {
  int64_t words[kSpanWords];
};

size_t size(uint32_t shards) {
  return (shards + 1) * sizeof(Shard);
}

void set_up(const Memory& memory, Index, uint32_t) {
  for (uint32_t i = 0; i <= memory.shards; i++)
    for (uint32_t k = 0; k < kSpanWords; k++)
      memory.shard<Shard>(i).words[k] = 5 + k;
}

const Structure span = {"span", size, 1, set_up, nullptr};

/** To every word, or to the last one alone. */
struct Sums {
  Sums(const Call& call, bool one) {
    for (uint32_t k = 0; k < kSpanWords; k++)
      sums[k] = one && k + 1 != kSpanWords ? 0 : static_cast<int32_t>(k + 1 + 3 * call.role);
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
    const uint32_t next = section(here, call.memory.shard<Shard>(here.index).words, left.sums, 0, kSpanWords);
    // A row does not say why it was left; where this one is moved, the next look at the place shows it.
    return next == kSpanWords ? Outcome::done : Outcome::aborted;
  });
}

const Rows rows({
    {"add_last", &span, add<true, load_add_store_span>, add_model<true>, kAttempts, false, false},
});

#if defined(__x86_64__)
/** All four at once: nobody must ever see some of them. Where the CPU has it. */
const Rows wide_rows =
    __builtin_cpu_supports("avx2")
        ? Rows({
              {"add_all", &span, add<false, load_add_store_span_avx2>, add_model<false>, kAttempts, false, false},
          })
        : Rows({});
#endif

} // namespace
} // namespace rseq::interleave
