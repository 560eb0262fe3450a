// The library in a program of musl's: there nobody else registers threads.
#include <percpu/counter.h>
#include <rseq/verify.h>

#include <stdio.h>

alignas(128) static unsigned char memory[1 << 20];

int main() {
  const bool is_self = rseq::attach().owner == rseq::Owner::self;
  rseq::Region region = {};
  const rseq::RegionSpec spec = {
      rseq::Kind::counters, rseq::Element::i64, rseq::Index::cpu_id, rseq::Writers::sections, 64, 1};
  if (rseq::format_region(memory, sizeof(memory), spec) != rseq::RegionError::none ||
      rseq::open_region(memory, sizeof(memory), rseq::Kind::counters, region) != rseq::RegionError::none)
    return 1;
  for (int i = 0; i < 1000; i++)
    rseq::counter_add(region, 0, int64_t{1});
  printf("registered by %s, %s, counted %d\n", is_self ? "self" : "another",
         rseq::passed(rseq::verify()) ? "verified" : "failed", static_cast<int>(rseq::counter_sum_i64(region, 0)));
}
