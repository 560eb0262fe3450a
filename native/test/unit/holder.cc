// Pools and lists in memory that processes share: who holds a unit, and what a dead process held.
#include "../../percpu/remote.h"
#include "pinned.h"
#include "place.h"
#include "shared_units.h"

#include <limits>
#include <random>
#include <thread>

using namespace percpu;
using namespace percpu::test;

TEST(a_pool_and_a_list_in_shared_memory_work_and_note_their_holders) {
  for (const bool is_checked : {false, true}) {
    const SharedPool pool(40, is_checked);
    const Pinned pinned;
    uint32_t block = 0;
    CHECK_EQUAL(unit_holder(pool.region, 39), 0u);
    CHECK_EQUAL(pool.alloc(block), Status::ok);
    CHECK_EQUAL(unit_holder(pool.region, block), process_note(pool.service));
    CHECK_EQUAL(pool.free(block), Status::ok);
    pool.check_whole();
    CHECK_EQUAL(pool.reclaimed(), 0u);

    const SharedList list(40, is_checked);
    CHECK_EQUAL(unit_holder(list.region, 39), 0u);
    CHECK(list.take(1) == std::vector<uint32_t>{39});
    CHECK_EQUAL(unit_holder(list.region, 39), process_note(list.service));
    CHECK_EQUAL(list_push(list.region, 39), Status::ok);
    list.check_whole();
    CHECK_EQUAL(list.reclaimed(), 0u);
  }
}

TEST(a_note_names_a_process_until_it_dies) {
  const Processes processes;
  const uint32_t service = processes.joined();
  const uint32_t own = process_note(service);
  CHECK_EQUAL(life_of_note(service, own), Life::alive);
  Child first([&] { return process_note(service); });
  const auto note = static_cast<uint32_t>(first.answer);
  CHECK(note != 0 && note != own);
  CHECK_EQUAL(life_of_note(service, note), Life::alive);
  first.end();
  CHECK_EQUAL(life_of_note(service, note), Life::ended);
  processes.set_last_taken((note & 0x3ff) - 1);
  Child second([&] { return process_note(service); });
  CHECK_EQUAL(second.answer & 0x3ff, uint64_t{note & 0x3ff});
  CHECK_EQUAL(life_of_note(service, static_cast<uint32_t>(second.answer)), Life::alive);
  CHECK_EQUAL(life_of_note(service, note), Life::ended);
  // Of other words, one in 256 has the right check. None of them names a living process.
  std::mt19937 random(1);
  uint32_t named = 0;
  for (uint32_t i = 0; i < 100000; i++)
    named += life_of_note(service, static_cast<uint32_t>(random())) != Life::unknown ? 1 : 0;
  CHECK(named < 100000 / 64);
  CHECK_EQUAL(life_of_note(service, 0), Life::unknown);
  CHECK_EQUAL(life_of_note(service + 100, own), Life::unknown);
}

TEST(blocks_and_nodes_of_a_killed_process_come_back) {
  for (const bool is_checked : {false, true}) {
    const SharedPool pool(40, is_checked);
    Child child([&] { return pool.take(13).size(); });
    CHECK_EQUAL(child.answer, 13u);
    CHECK_EQUAL(pool.reclaimed(), 0u); // It lives.
    child.end();
    pool.check_whole(13); // What is lost if nobody reclaims.
    CHECK_EQUAL(pool.reclaimed(), 13u);
    CHECK_EQUAL(pool.reclaimed(), 0u);
    pool.check_whole();

    const Pinned pinned;
    const SharedList list(40, is_checked);
    Child other([&] { return list.take(13).size(); });
    CHECK_EQUAL(other.answer, 13u);
    CHECK_EQUAL(list.reclaimed(), 0u);
    other.end();
    list.check_whole(13);
    CHECK_EQUAL(list.reclaimed(), 13u);
    CHECK_EQUAL(list.reclaimed(), 0u);
    list.check_whole();
  }
}

TEST(an_allocation_that_finds_nothing_reclaims) {
  const SharedPool pool;
  Child child([&] { return pool.take(40).size(); });
  CHECK_EQUAL(child.answer, 40u);
  uint32_t block = 0;
  CHECK_EQUAL(pool.alloc(block), Status::empty);
  child.end();
  end_look(pool.region, true); // The next look is due.
  set_stop_patience(0);
  CHECK_EQUAL(pool.alloc(block), Status::busy);
  set_stop_patience(kStopPatienceMs);
  CHECK_EQUAL(pool.alloc(block), Status::ok);
  CHECK_EQUAL(pool.free(block), Status::ok);
  pool.check_whole();
}

TEST(a_note_without_its_commit_moves_no_block) {
  const SharedPool pool;
  const SharedList list;
  Child child([&] { return process_note(pool.service) | uint64_t{process_note(list.service)} << 32; });
  child.end();
  // The process was killed between the note and the commit: all of these are still free.
  uint32_t block = 0;
  CHECK_EQUAL(pool.alloc(block), Status::ok); // Fills the cache of this CPU: free blocks are in two places.
  CHECK_EQUAL(pool.free(block), Status::ok);
  for (uint32_t unit = 0; unit < 40; unit++) {
    pool.note(unit) = static_cast<uint32_t>(child.answer);
    list.note(unit) = static_cast<uint32_t>(child.answer >> 32);
  }
  CHECK_EQUAL(pool.reclaimed(), 0u);
  CHECK_EQUAL(list.reclaimed(), 0u);
  pool.check_whole();
  list.check_whole();
}

TEST(who_adopts_a_block_keeps_it_when_its_giver_dies) {
  const SharedPool pool;
  Child child([&] { return pool.block_and_holder(); });
  const auto block = static_cast<uint32_t>(child.answer);
  const auto giver = static_cast<uint32_t>(child.answer >> 32);
  CHECK_EQUAL(unit_adopt(pool.region, block, giver + 1), Status::not_owner);
  CHECK_EQUAL(unit_adopt(pool.region, block, giver), Status::ok);
  CHECK_EQUAL(unit_adopt(pool.region, block, giver), Status::not_owner); // Of two takers, one gets it.
  child.end();
  CHECK_EQUAL(pool.reclaimed(), 0u);
  pool.check_whole(1);
  CHECK_EQUAL(pool.free(block), Status::ok);
  pool.check_whole();
}

TEST(a_block_that_was_given_back_cannot_be_adopted) {
  const SharedPool pool;
  Child child([&] { return pool.block_and_holder(); });
  child.end();
  CHECK_EQUAL(pool.reclaimed(), 1u);
  const auto block = static_cast<uint32_t>(child.answer);
  CHECK_EQUAL(unit_adopt(pool.region, block, static_cast<uint32_t>(child.answer >> 32)), Status::not_owner);
  pool.check_whole();
}

TEST(a_block_that_another_process_got_meanwhile_is_not_given_back) {
  const SharedPool pool;
  Child first([&] {
    const std::vector<uint32_t> blocks = pool.take(40);
    for (const uint32_t block : blocks)
      pool.free(block);
    return blocks.size();
  });
  first.end(); // All notes name a dead process, and all blocks are free.
  Child second([&] { return pool.take(20).size(); });
  CHECK_EQUAL(second.answer, 20u);
  CHECK_EQUAL(pool.reclaimed(), 0u);
  pool.check_whole(20);
  second.end();
  CHECK_EQUAL(pool.reclaimed(), 20u);
  pool.check_whole();
}

TEST(two_reclaimers_give_each_block_back_once) {
  for (uint32_t round = 0; round < 20; round++) {
    const Pinned pinned;
    const SharedPool pool(200);
    const SharedList list(200);
    Child child([&] { return pool.take(200).size() + list.take(200).size(); });
    child.end();
    uint32_t blocks[2] = {}, nodes[2] = {};
    const auto reclaim = [&](uint32_t i) {
      CHECK_EQUAL(pool_reclaim(pool.region, blocks[i]), Status::ok);
      CHECK_EQUAL(list_reclaim(list.region, nodes[i]), Status::ok);
    };
    std::thread other(reclaim, 1);
    reclaim(0);
    other.join();
    CHECK_EQUAL(blocks[0] + blocks[1], 200u);
    CHECK_EQUAL(nodes[0] + nodes[1], static_cast<uint32_t>(child.answer - 200));
    pool.check_whole();
    list.check_whole();
  }
}

TEST(a_shard_that_a_dead_process_stopped_keeps_no_block) {
  if (!is_registered(current_area()))
    return skip("this thread is not registered for rseq");
  const SharedPool pool;
  Child child([&] {
    uint32_t block = 0;
    pool.alloc(block); // Fills the cache of this CPU.
    const uint32_t cpu = here(Index::cpu_id).index;
    return static_cast<uint64_t>(stack_stop(pool.region, kShards)) +
           static_cast<uint64_t>(stack_stop(pool.region, cpu));
  });
  CHECK_EQUAL(child.answer, 0u);
  child.end();
  CHECK_EQUAL(pool.reclaimed(), 1u);
  pool.check_whole();
}

TEST(notes_that_nobody_wrote_give_no_block_to_two_owners) {
  const Pinned pinned;
  const SharedPool pool;
  const SharedList list;
  Child child([&] { return pool.take(10).size() + list.take(10).size(); });
  CHECK_EQUAL(child.answer, 20u);
  std::mt19937 random(7);
  const std::vector<uint32_t> held = pool.take(10);
  for (uint32_t i = 0; i < 100; i++) {
    for (uint32_t unit = 0; unit < 40; unit++) {
      // A word that no process can have written.
      uint32_t word = static_cast<uint32_t>(random());
      while (life_of_note(pool.service, word) != Life::unknown || life_of_note(list.service, word) != Life::unknown)
        word++;
      pool.note(unit) = list.note(unit) = word;
    }
    CHECK_EQUAL(pool.reclaimed(), 0u);
    CHECK_EQUAL(list.reclaimed(), 0u);
  }
  child.end();
  // Nobody knows any more who held what: it is lost, and neither given away twice.
  CHECK_EQUAL(pool.reclaimed(), 0u);
  CHECK_EQUAL(list.reclaimed(), 0u);
  pool.check_whole(20);
  list.check_whole(10);
}

TEST(every_note_leads_to_a_status) {
  const SharedPool pool;
  const SharedList list;
  Child child([&] { return process_note(pool.service) | uint64_t{process_note(list.service)} << 32; });
  child.end();
  std::mt19937 random(3);
  for (uint32_t i = 0; i < 1000; i++) {
    for (uint32_t unit = 0; unit < 40; unit++) {
      pool.note(unit) = random() % 2 == 0 ? static_cast<uint32_t>(child.answer) : static_cast<uint32_t>(random());
      list.note(unit) = random() % 2 == 0 ? static_cast<uint32_t>(child.answer >> 32) : static_cast<uint32_t>(random());
    }
    // The free lists decide: whatever the notes say, no free block is given back again.
    CHECK_EQUAL(pool.reclaimed(), 0u);
    CHECK_EQUAL(list.reclaimed(), 0u);
  }
  pool.check_whole();
  list.check_whole();
}

TEST(a_scribbled_free_list_is_corrupt_and_gives_nothing_back) {
  const Pinned pinned;
  const SharedPool pool;
  const SharedList list;
  Child child([&] { return pool.take(10).size() + list.take(10).size(); });
  child.end();
  uint32_t count = 0;
  const uint64_t size = pool.word(kShards, 0);
  for (const uint64_t wrong : {uint64_t{41}, UINT64_MAX}) {
    pool.word(kShards, 0) = wrong;
    CHECK_EQUAL(pool_reclaim(pool.region, count), Status::corrupt);
    CHECK_EQUAL(count, 0u);
  }
  pool.word(kShards, 0) = size;
  const uint64_t head = list.word(kShards, 0);
  list.word(kShards, 0) = 1000;
  CHECK_EQUAL(list_reclaim(list.region, count), Status::corrupt);
  list.word(kShards, 0) = head;
  CHECK_EQUAL(pool.reclaimed(), 10u);
  CHECK_EQUAL(list.reclaimed(), 10u);
  if (!is_registered(current_area()))
    return; // The rest is about the cache of a CPU.
  // Numbers of no block in a cache.
  const uint32_t cpu = here(Index::cpu_id).index;
  uint32_t block = 0;
  CHECK_EQUAL(pool.alloc(block), Status::ok);
  CHECK_EQUAL(pool.free(block), Status::ok);
  for (const double wrong : {1000.0, -1.0, 0.5, std::numeric_limits<double>::quiet_NaN()}) {
    pool.put(cpu, static_cast<uint32_t>(pool.word(cpu, 0)), wrong);
    pool.word(cpu, 0)++;
    CHECK_EQUAL(pool.alloc(block), Status::corrupt);
    pool.check_whole();
  }
}
