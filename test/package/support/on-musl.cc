// The library in a program of musl's: there nobody else registers threads.
#include <percpu/counter.h>
#include <rseq/verify.h>

#include <stdio.h>

alignas(128) static unsigned char memory[1 << 20];

int main() {
  const bool is_self = percpu::attach().owner == percpu::Owner::self;
  percpu::Region region = {};
  const percpu::RegionSpec spec = {
      percpu::Kind::counters, percpu::Element::i64, percpu::Index::cpu_id, percpu::Writers::sections, 64, 1};
  if (percpu::format_region(memory, sizeof(memory), spec) != percpu::RegionError::none ||
      percpu::open_region(memory, sizeof(memory), percpu::Kind::counters, region) != percpu::RegionError::none)
    return 1;
  for (int i = 0; i < 1000; i++)
    percpu::counter_add(region, 0, int64_t{1});
  printf("registered by %s, %s, counted %d\n", is_self ? "self" : "another",
         percpu::passed(percpu::verify()) ? "verified" : "failed",
         static_cast<int>(percpu::counter_sum_i64(region, 0)));
}
