#include "../../percpu/service.h"
#include "../../percpu/mutex.h"
#include "../../percpu/remote.h"
#include "../../percpu/ring.h"
#include "place.h"
#include "processes.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <random>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

/** A ring in a file that processes share. */
class SharedRing : public SharedRegion {
public:
  explicit SharedRing(uint32_t service) : SharedRegion(service, spec()) {
    CHECK_EQUAL(ring_open(region, scratch, sizeof(scratch), seat), RegionError::none);
  }

  uint64_t* reader_word() const { return word_at<uint64_t>(region, region.shards, 17); }

  RingSeat seat = {};

private:
  static RegionSpec spec() {
    constexpr uint32_t kLength = kRingHead + 512 / 8;
    return {Kind::ring, Element::i64, Index::cpu_id, Writers::sections, 4, kLength, Policy::discard};
  }
  alignas(8) unsigned char scratch[128] = {};
};

/** In its scope, the calling thread has no patience: its waits end at once. */
class Impatience {
public:
  Impatience() { set_stop_patience(0); }
  ~Impatience() { set_stop_patience(kStopPatienceMs); }
};

} // namespace

TEST(a_process_joins_a_service_once) {
  const Processes processes;
  const uint32_t service = processes.joined();
  const uint32_t slot = service_slot(service);
  CHECK(slot != 0);
  CHECK_EQUAL(processes.joined(), service);
  CHECK_EQUAL(service_slot(service), slot);
  CHECK(is_slot_taken(service, slot));
  CHECK(!is_slot_taken(service, slot + 1));
  CHECK(!is_slot_taken(service, 0));
  CHECK(!is_slot_taken(service, kProcessSlots + 1));
  const Processes other;
  CHECK(other.joined() != service);
  CHECK_EQUAL(join_service(processes.file, other.path.c_str(), ""), int32_t(service));
}

TEST(a_path_to_another_file_is_no_service) {
  const Processes processes, other;
  CHECK_EQUAL(join_service(processes.file, other.path.c_str(), ""), -ESTALE);
  CHECK_EQUAL(join_service(processes.file, "/tmp/rseq-no-such-file", ""), -ENOENT);
  CHECK_EQUAL(join_service(-1, other.path.c_str(), ""), -EBADF);
}

TEST(a_slot_is_free_when_its_process_is_killed) {
  const Processes processes;
  const uint32_t service = processes.joined();
  Child child([&] { return service_slot(processes.joined()); });
  const auto slot = static_cast<uint32_t>(child.answer);
  CHECK(slot != 0 && slot != service_slot(service));
  CHECK(is_slot_taken(service, slot));
  child.end();
  CHECK(!is_slot_taken(service, slot));
}

TEST(a_forked_child_does_not_keep_its_parent_alive) {
  const Processes processes;
  const uint32_t service = processes.joined();
  int grandchild[2];
  CHECK_EQUAL(pipe(grandchild), 0);
  // The child has a slot, and a child of its own, which takes a slot only later.
  Child child([&] {
    const uint32_t slot = service_slot(service);
    const pid_t pid = fork();
    if (pid == 0) {
      const pid_t self = getpid();
      if (write(grandchild[1], &self, sizeof(self)) != ssize_t{sizeof(self)})
        _exit(1);
      for (;;)
        pause();
    }
    return slot;
  });
  pid_t pid = 0;
  CHECK_EQUAL(read(grandchild[0], &pid, sizeof(pid)), ssize_t{sizeof(pid)});
  const auto slot = static_cast<uint32_t>(child.answer);
  CHECK(is_slot_taken(service, slot));
  child.end();
  CHECK_EQUAL(kill(pid, 0), 0);
  CHECK(!is_slot_taken(service, slot));
  kill(pid, SIGKILL);
  close(grandchild[0]);
  close(grandchild[1]);
}

TEST(owners_in_different_processes_have_different_ids) {
  const Processes processes;
  const uint32_t service = processes.joined();
  const uint64_t me = this_owner();
  const uint64_t name = name_in_service(service, me);
  CHECK_EQUAL(name >> kOwnerProcessShift, uint64_t{service_slot(service)});
  CHECK_EQUAL(life_in_service(service, name), Life::alive);
  CHECK_EQUAL(life_in_service(service, me), Life::ended);
  CHECK_EQUAL(life_in_service(service, kNobody), Life::ended);
  uint64_t ended = kNobody;
  on_thread([&] { ended = name_in_service(service, this_owner()); });
  CHECK_EQUAL(life_in_service(service, ended), Life::ended);
  CHECK_EQUAL(name_in_service(service, kNobody), kNobody);
  CHECK_EQUAL(name_in_service(service + 100, me), kNobody);
  Child child([&] { return name_in_service(service, this_owner()); });
  CHECK(child.answer != name);
  CHECK_EQUAL(life_in_service(service, child.answer), Life::alive);
  child.end();
  CHECK_EQUAL(life_in_service(service, child.answer), Life::ended);
}

TEST(an_owner_id_ends_with_its_process_even_if_the_slot_is_taken_again) {
  const Processes processes;
  const uint32_t service = processes.joined();
  const auto own_name = [&] { return name_in_service(service, this_owner()); };
  Child first(own_name);
  const auto slot = static_cast<uint32_t>(first.answer >> kOwnerProcessShift);
  first.end();
  processes.set_last_taken(slot - 1);
  Child second(own_name);
  CHECK_EQUAL(second.answer >> kOwnerProcessShift, uint64_t{slot});
  CHECK_EQUAL(life_in_service(service, second.answer), Life::alive);
  CHECK_EQUAL(life_in_service(service, first.answer), Life::ended);
}

TEST(every_word_of_a_services_memory_has_a_life) {
  const Processes processes;
  const uint32_t service = processes.joined();
  std::mt19937_64 random(1);
  for (uint32_t i = 0; i < 100000; i++) {
    const uint64_t word = random() & (i % 2 == 0 ? UINT64_MAX : UINT64_MAX >> 1);
    CHECK_EQUAL(life_in_service(service, word), Life::ended);
  }
}

TEST(all_slots_taken_is_an_error) {
  const Processes processes;
  std::vector<int> holders;
  for (uint32_t slot = 1; slot <= kProcessSlots; slot++) {
    const int file = holders.empty() ? open(processes.path.c_str(), O_RDWR | O_CLOEXEC) : holders[0];
    if (holders.empty())
      holders.push_back(file);
    CHECK_EQUAL(lock_byte(file, uint64_t{slot} * kProcessSlotBytes, 0), 0);
  }
  CHECK_EQUAL(processes.join(), -EAGAIN);
  close(holders[0]);
  CHECK(processes.join() > 0);
}

TEST(a_shared_lock_lasts_as_long_as_a_mapping) {
  const Processes processes;
  const uint32_t service = processes.joined();
  const char* const path = processes.path.c_str();
  const int user = open(path, O_RDWR | O_CLOEXEC);
  const int other = open(path, O_RDWR | O_CLOEXEC);
  CHECK_EQUAL(lock_byte(user, 0, 0, true), 0);
  uint64_t id = 0;
  CHECK(map_shared(user, kProcessSlotBytes, service, id) != nullptr);
  close(user);
  CHECK(is_byte_locked(other, 0));
  CHECK_EQUAL(lock_byte(other, 0, 0), EAGAIN);
  const int third = open(path, O_RDWR | O_CLOEXEC);
  CHECK_EQUAL(lock_byte(third, 0, 0, true), 0);
  close(third);
  unmap_shared(id);
  CHECK(!is_byte_locked(other, 0));
  CHECK_EQUAL(lock_byte(other, 0, 0), 0);
  close(other);
}

TEST(a_shard_of_a_killed_process_is_taken_over) {
  const Processes processes;
  const uint32_t service = processes.joined();
  const SharedRing ring(service);
  const auto claim = [&] { return static_cast<uint64_t>(ring_claim(ring.seat)); };
  Child child(claim);
  CHECK_EQUAL(child.answer, static_cast<uint64_t>(Status::ok));
  {
    const Impatience impatience;
    CHECK_EQUAL(ring_claim(ring.seat), Status::busy);
    child.end();
    CHECK_EQUAL(ring_claim(ring.seat), Status::ok);
    CHECK_EQUAL(ring_claim(ring.seat), Status::held_already);
    CHECK_EQUAL(ring_release(ring.seat), Status::ok);
  }
  CHECK_EQUAL(*ring.reader_word(), kNobody);
  // In shared memory, the id of an owner of process memory belongs to no owner.
  *ring.reader_word() = this_owner();
  CHECK_EQUAL(ring_claim(ring.seat), Status::ok);
  CHECK_EQUAL(ring_release(ring.seat), Status::ok);
}

TEST(a_child_does_not_own_its_parents_shards_in_shared_memory) {
  const Processes processes;
  const SharedRing ring(processes.joined());
  CHECK_EQUAL(ring_claim(ring.seat), Status::ok);
  Child child([&] {
    set_stop_patience(0);
    const uint64_t released = static_cast<uint64_t>(ring_release(ring.seat));
    return released << 8 | static_cast<uint64_t>(ring_claim(ring.seat));
  });
  CHECK_EQUAL(child.answer >> 8, static_cast<uint64_t>(Status::not_owner));
  CHECK_EQUAL(child.answer & 0xff, static_cast<uint64_t>(Status::busy));
  CHECK_EQUAL(ring_release(ring.seat), Status::ok);
}

TEST(a_thread_that_ends_gives_up_what_it_owns_in_shared_memory) {
  const Processes processes;
  const uint32_t service = processes.joined();
  const SharedRing ring(service);
  const SharedRegion mutex(service, {Kind::mutex, Element::i64, Index::cpu_id, Writers::sections, 1, kLockLength});
  MutexSeat seat = {};
  CHECK_EQUAL(mutex_open(mutex.region, seat), RegionError::none);
  // The child lives on; its thread ends.
  Child child([&] {
    Status claimed = Status::busy;
    on_thread([&] {
      MutexSeat forgotten = {};
      mutex_open(mutex.region, forgotten);
      mutex_try_lock(forgotten);
      mutex_forget(forgotten);
      claimed = ring_claim(ring.seat);
    });
    return static_cast<uint64_t>(claimed);
  });
  CHECK_EQUAL(child.answer, static_cast<uint64_t>(Status::ok));
  CHECK_EQUAL(*ring.reader_word(), uint64_t{kOwnerDied});
  const Impatience impatience;
  CHECK_EQUAL(ring_claim(ring.seat), Status::ok);
  CHECK_EQUAL(ring_release(ring.seat), Status::ok);
  CHECK_EQUAL(mutex_try_lock(seat), Status::owner_died);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  // What a thread has given back is nobody's at its end.
  on_thread([&] {
    CHECK_EQUAL(ring_claim(ring.seat), Status::ok);
    CHECK_EQUAL(ring_release(ring.seat), Status::ok);
  });
  CHECK_EQUAL(*ring.reader_word(), kNobody);
}

TEST(a_thread_may_end_as_an_owner_in_memory_that_is_not_mapped_any_more) {
  const Processes processes;
  const uint32_t service = processes.joined();
  on_thread([&] {
    const SharedRing ring(service);
    CHECK_EQUAL(ring_claim(ring.seat), Status::ok);
  });
}

TEST(shared_memory_knows_its_service) {
  const Processes processes;
  const uint32_t service = processes.joined();
  const SharedRing ring(service);
  CHECK_EQUAL(service_of(ring.region.first_shard), service);
  CHECK_EQUAL(service_of(&service), 0u);
  CHECK_EQUAL(uint32_t{ring.region.service}, service);
  // A copy of shared memory must not pass for memory of the process.
  const auto* const begin = ring.region.first_shard - kShardAlignment;
  std::vector<uint64_t> copy(4096);
  memcpy(copy.data(), begin, 2048);
  Region region = {};
  CHECK_EQUAL(open_region(copy.data(), copy.size() * 8, Kind::ring, region), RegionError::shared);
}

TEST(only_regions_that_processes_can_share_are_made_in_shared_memory) {
  const Processes processes;
  const uint32_t service = processes.joined();
  uint64_t id = 0;
  void* memory = map_shared(processes.file, size_t{kProcessSlots} * kProcessSlotBytes, service, id);
  const auto formatted = [&](Kind kind, Index index, Writers writers) {
    return format_region(memory, 65536, {kind, Element::i64, index, writers, 4, 16});
  };
  CHECK_EQUAL(formatted(Kind::counters, Index::cpu_id, Writers::sections), RegionError::none);
  CHECK_EQUAL(formatted(Kind::counters, Index::mm_cid, Writers::sections), RegionError::shared);
  CHECK_EQUAL(formatted(Kind::counters, Index::cpu_id, Writers::atomics), RegionError::shared);
  CHECK_EQUAL(formatted(Kind::stack, Index::cpu_id, Writers::sections), RegionError::none);
  CHECK_EQUAL(formatted(Kind::stack, Index::mm_cid, Writers::sections), RegionError::shared);
  CHECK_EQUAL(formatted(Kind::mutex, Index::cpu_id, Writers::sections), RegionError::none);
  CHECK_EQUAL(formatted(Kind::cpu_lock, Index::mm_cid, Writers::sections), RegionError::shared);
  unmap_shared(id);
  unmap_shared(id);
  CHECK_EQUAL(service_of(memory), 0u);
}
