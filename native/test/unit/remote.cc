// Stopping a shard in memory that processes share, where a CPU cannot be fenced at every time.
#include "../../percpu/remote.h"
#include "../../percpu/array.h"
#include "../../percpu/extents.h"
#include "pinned.h"
#include "place.h"
#include "processes.h"

#include <sched.h>
#include <sys/syscall.h>

using namespace percpu;
using namespace percpu::test;

namespace {

/** An array of one word for each CPU. */
class SharedArray : private Processes, public SharedRegion {
public:
  SharedArray() : SharedRegion(joined(), spec()) {}

  uint64_t* stop_word(uint32_t shard) const { return word_at<uint64_t>(region, shard, 0); }

private:
  static RegionSpec spec() {
    return {Kind::array, Element::i64, Index::cpu_id, Writers::sections, 1u << 8, kArrayHead + 1};
  }
};

/** Runs `body` on a thread that may visit a CPU until it calls the function that it is given. */
template <typename Body> bool on_thread_that_loses_visits(Body body) {
  bool is_possible = false;
  on_thread([&] { body([&] { is_possible = refuse(SYS_sched_setaffinity); }); });
  return is_possible;
}

} // namespace

TEST(a_shard_whose_second_fence_fails_stays_stopped_until_somebody_fences_it) {
  const SharedArray array;
  const Pinned pinned;
  const auto cpu = static_cast<uint32_t>(sched_getcpu());
  uint64_t* const word = array.stop_word(cpu);
  const bool is_refused = on_thread_that_loses_visits([&](auto lose_visits) {
    CHECK_EQUAL(reach_shard(array.region, cpu), Status::ok);
    CHECK_EQUAL(stop_shard(array.region, cpu, word), Status::ok);
    lose_visits();
    CHECK_EQUAL(detail::resume_stopped(array.region, cpu, word, true), Status::ok);
    CHECK_EQUAL(*word, kUnfenced);
    CHECK(!owns_shard(array.region, word));
    // Who cannot visit the CPU either leaves the word as it was.
    CHECK_EQUAL(stop_shard(array.region, cpu, word), Status::unfenceable);
    CHECK_EQUAL(*word, kUnfenced);
  });
  if (!is_refused)
    return skip("no seccomp filter can be set");
  CHECK_EQUAL(*word, kUnfenced);
  CHECK_EQUAL(stop_shard(array.region, cpu, word), Status::ok);
  CHECK_EQUAL(detail::resume_stopped(array.region, cpu, word, true), Status::ok);
  CHECK_EQUAL(*word, kNobody);
  // A thread on the CPU resumes the shard by itself.
  *word = kUnfenced;
  CHECK(resume_abandoned(array.region, cpu, word));
  CHECK_EQUAL(*word, kNobody);
}

TEST(a_shard_that_was_never_stopped_is_free_if_its_cpu_cannot_be_fenced) {
  const SharedArray array;
  const auto cpu = static_cast<uint32_t>(sched_getcpu()); // One that this process may use.
  uint64_t* const word = array.stop_word(cpu);
  const bool is_refused = on_thread_that_loses_visits([&](auto lose_visits) {
    lose_visits();
    CHECK_EQUAL(stop_shard(array.region, cpu, word), Status::unfenceable);
  });
  if (!is_refused)
    return skip("no seccomp filter can be set");
  CHECK_EQUAL(*word, kNobody);
  CHECK_EQUAL(stop_shard(array.region, cpu, word), Status::ok);
  CHECK_EQUAL(resume_shard(array.region, cpu, word), Status::ok);
}
