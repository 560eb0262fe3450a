#include "../../percpu/percpu.h"
#include "harness.h"
#include "pinned.h"

#include <cstring>
#include <sched.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace percpu;

TEST(a_registered_thread_is_registered_for_the_time_of_its_scope) {
  std::thread([] {
    const Registration before = registration();
    {
      const RegisteredThread outer;
      const RegisteredThread inner;
      CHECK_EQUAL(static_cast<bool>(outer), registration().owner != Owner::none);
      CHECK_EQUAL(outer.registration().owner, registration().owner);
      CHECK_EQUAL(inner.registration().owner, registration().owner);
    }
    CHECK_EQUAL(registration().owner, before.owner);
  }).join();
}

TEST(availability_is_asked_without_a_registration) {
  std::thread([] {
    const Registration before = registration();
    errno = 77;
    const bool available = is_available();
    CHECK_EQUAL(errno, 77);
    CHECK_EQUAL(registration().owner, before.owner);
    const RegisteredThread here;
    if (here)
      CHECK_EQUAL(available, true);
    else if (here.registration().error == ENOSYS)
      CHECK_EQUAL(available, false);
  }).join();
}

TEST(cpu_and_node_are_those_of_getcpu_with_and_without_a_registration) {
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof(one), &one) != 0)
      return percpu::test::skip("the thread cannot be pinned");
    unsigned int cpu = 0, node = 0;
    CHECK_EQUAL(syscall(SYS_getcpu, &cpu, &node, nullptr), 0);
    CHECK_EQUAL(current_cpu(), cpu);
    CHECK_EQUAL(current_node(), node);
    const RegisteredThread here;
    CHECK_EQUAL(current_cpu(), cpu);
    CHECK_EQUAL(current_node(), node);
    CHECK_EQUAL(detail::ask_kernel(false), cpu);
    CHECK_EQUAL(detail::ask_kernel(true), node);
  }).join();
}

TEST(private_regions_of_every_kind_can_be_used) {
  const RegisteredThread here;
  const PrivateRegion counters(counters_spec(2)), doubles(counters_spec(1, Element::f64)), stack(stack_spec(3)),
      list(list_spec(4, 8)), checked(list_spec(4, 8, true)), pool(pool_spec(5, 100)), ring(ring_spec(1024)),
      recorder(ring_spec(kLeastRing, Policy::overwrite)), array(array_spec(6, Element::i32)), mutex(mutex_spec()),
      locks(cpu_lock_spec());
  for (const PrivateRegion* region :
       {&counters, &doubles, &stack, &list, &checked, &pool, &ring, &recorder, &array, &mutex, &locks})
    CHECK_EQUAL((*region).error(), RegionError::none);

  CHECK_EQUAL(counter_add(*counters, 1, int64_t{3}), Status::ok);
  CHECK_EQUAL(counter_sum_i64(*counters, 1), 3);
  CHECK_EQUAL(counter_add(*doubles, 0, 0.5), Status::ok);
  CHECK_EQUAL(counter_sum_f64(*doubles, 0), 0.5);
  CHECK_EQUAL(stack_capacity(*stack), 3u);
  CHECK_EQUAL(list_push(*checked, 1), Status::ok);
  CHECK_EQUAL(list_push(*checked, 1), Status::listed);
  CHECK_EQUAL(list_push(*list, 4), Status::out_of_range);

  std::vector<bool> seen(pool->units);
  for (uint32_t i = 0; i < pool->units; i++) {
    uint32_t block = 0;
    CHECK_EQUAL(pool_alloc(*pool, block), Status::ok);
    CHECK(!seen[block]);
    seen[block] = true;
  }
  uint32_t block = 0;
  CHECK_EQUAL(pool_alloc(*pool, block), Status::empty);

  for (const PrivateRegion* rings : {&ring, &recorder}) {
    alignas(8) unsigned char scratch[scratch_size(longest_record(kLeastRing))];
    RingSeat seat = {};
    CHECK_EQUAL(ring_open(**rings, scratch, sizeof(scratch), seat), RegionError::none);
    CHECK_EQUAL(ring_write(seat, 5), Status::ok);
  }
  ActAnswer answer = {};
  CHECK_EQUAL(array_act(*array, 5, {Act::add, 1, 0}, answer), Status::ok);

  MutexSeat seat = {};
  CHECK_EQUAL(mutex_open(*mutex, seat), RegionError::none);
  CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  mutex_close(seat);
  CpuLockSeat lock = {};
  uint32_t shard = 0;
  CHECK_EQUAL(cpu_lock_open(*locks, lock), RegionError::none);
  CHECK_EQUAL(cpu_lock_try(lock, shard), Status::ok);
  CHECK_EQUAL(cpu_lock_unlock(lock, shard), Status::ok);
  cpu_lock_close(lock);
}

TEST(private_regions_refuse_numbers_that_are_not_accepted) {
  for (const RegionSpec& spec :
       {counters_spec(0), counters_spec(UINT32_MAX), stack_spec(0), stack_spec(UINT32_MAX), list_spec(0, 8),
        list_spec(8, 0), pool_spec(kMaxUnits + 1, 8), pool_spec(1, kMaxUnitSize + 1), pool_spec(8, 8, false, 0),
        ring_spec(0), ring_spec(kLeastRing - 1), ring_spec(kLeastRing + 8), ring_spec(UINT32_MAX), array_spec(0),
        array_spec(UINT32_MAX)}) {
    const PrivateRegion region(spec);
    CHECK_EQUAL(static_cast<bool>(region), false);
    CHECK_EQUAL(region.error(), RegionError::geometry);
  }
  // More than any machine has.
  const PrivateRegion large(pool_spec(kMaxUnits, kMaxUnitSize));
  CHECK_EQUAL(large.error(), RegionError::no_memory);
}
