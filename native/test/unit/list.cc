#include "../../percpu/list.h"
#include "memory.h"
#include "pinned.h"
#include "place.h"

#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr uint32_t kShards = 1u << 10; ///< More than the machine that runs this has CPUs.
constexpr uint32_t kNodes = 5;

RegionSpec list_spec(Index index = Index::cpu_id, Writers writers = Writers::sections, bool is_checked = false) {
  return {Kind::list, Element::i64, index, writers, kShards, kListLength, Policy::none, kNodes, 16, is_checked};
}

/** A region with empty lists. */
class Lists {
public:
  explicit Lists(const RegionSpec& spec = list_spec()) : memory(region_size(spec)) {
    CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::none);
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::list, region), RegionError::none);
  }

  uint64_t& word(uint32_t shard, uint32_t i) const { return *word_at<uint64_t>(region, shard, i); }
  void set_all(uint32_t i, uint64_t value) const {
    for (uint32_t shard = 0; shard <= kShards; shard++)
      word(shard, i) = value;
  }
  uint32_t size(uint32_t shard) const {
    uint32_t count = 0;
    CHECK_EQUAL(list_size(region, shard, count), Status::ok);
    return count;
  }

  Memory memory;
  Region region = {};
};

using Words = std::vector<int64_t>;
constexpr int64_t kHigh = int64_t{1} << 32;

} // namespace

TEST(a_push_section_of_a_list_links_and_commits) {
  // Words: the head, the stop word, and a link for each of 3 nodes.
  const auto push = [](Words before, Outcome wanted, Words after) {
    for_each_index([&](Index index) {
      Words words = before;
      const auto section = [&](const Here& here) {
        return load_cbne_load_store_store(here, words.data(), words.data() + 2 + 1, 2);
      };
      CHECK_EQUAL(settled_elsewhere(index, section), Outcome::moved);
      CHECK(words == before);
      CHECK_EQUAL(settled(index, section), wanted);
      CHECK(words == after);
    });
  };
  push({0, 0, 7, 7, 7}, Outcome::done, {2, 0, 7, 0, 7});
  push({3, 0, 7, 7, 7}, Outcome::done, {2, 0, 7, 3, 7});
  for (const int64_t stop : {int64_t{1}, int64_t{-1}, kHigh})
    push({3, stop, 7, 7, 7}, Outcome::compare_failed, {3, stop, 7, 7, 7});
}

TEST(a_pop_section_of_a_list_checks_all_it_reads) {
  const auto pop = [](Words before, int32_t wanted, Words after) {
    for_each_index([&](Index index) {
      Words words = before;
      int32_t popped = 0;
      const auto section = [&](const Here& here) {
        popped = load_cbne_load_add_cbge_load_store_link(here, words.data(), words.data() + 2, 3);
        return popped >= 0 ? Outcome::done : static_cast<Outcome>(-popped);
      };
      CHECK_EQUAL(settled_elsewhere(index, section), Outcome::moved);
      CHECK(words == before);
      settled(index, section);
      CHECK_EQUAL(popped, wanted);
      CHECK(words == after);
    });
  };
  constexpr int32_t kFailed = -static_cast<int32_t>(Outcome::compare_failed);
  pop({1, 0, 3, 0, 2}, 0, {3, 0, 3, 0, 2});
  pop({3, 0, 3, 0, 2}, 2, {2, 0, 3, 0, 2});
  pop({2, 0, 3, -1, 2}, 1, {-1, 0, 3, -1, 2});
  for (const int64_t head : {int64_t{0}, int64_t{4}, int64_t{-1}, kHigh + 1})
    pop({head, 0, 3, 0, 2}, kFailed, {head, 0, 3, 0, 2});
  for (const int64_t stop : {int64_t{1}, int64_t{-1}, kHigh})
    pop({1, stop, 3, 0, 2}, kFailed, {1, stop, 3, 0, 2});
}

TEST(a_list_pops_the_node_that_was_pushed_last) {
  const Pinned pinned;
  bool is_checked = false;
  for (const Index index : {Index::cpu_id, Index::mm_cid})
    for (const Writers writers : {Writers::sections, Writers::sections, Writers::atomics, Writers::atomics}) {
      is_checked = !is_checked;
      const Lists lists(list_spec(index, writers, is_checked));
      CHECK(!is_checked || !lists.region.is_direct);
      uint32_t node = 0;
      CHECK_EQUAL(list_pop(lists.region, node), Status::empty);
      for (uint32_t pushed = 0; pushed < kNodes; pushed++)
        CHECK_EQUAL(list_push(lists.region, pushed), Status::ok);
      uint32_t total = 0;
      for (uint32_t shard = 0; shard <= kShards; shard++)
        total += lists.size(shard);
      CHECK_EQUAL(total, kNodes);
      for (uint32_t pushed = kNodes; pushed-- > 0;) {
        CHECK_EQUAL(list_pop(lists.region, node), Status::ok);
        CHECK_EQUAL(node, pushed);
      }
      CHECK_EQUAL(list_pop(lists.region, node), Status::empty);
      for (const uint32_t none : {kNodes, UINT32_MAX})
        CHECK_EQUAL(list_push(lists.region, none), Status::out_of_range);
    }
}

TEST(only_its_owner_uses_a_stopped_list) {
  const Pinned pinned;
  const Lists lists;
  const uint32_t cpu = here(Index::cpu_id).index;
  if (cpu >= kShards)
    return skip("this thread is not registered for rseq");
  CHECK_EQUAL(list_push(lists.region, 1), Status::ok);
  CHECK_EQUAL(list_stop(lists.region, cpu), Status::ok);
  CHECK_EQUAL(list_push(lists.region, 2), Status::ok);
  CHECK_EQUAL(lists.word(cpu, 0), 2u);
  CHECK_EQUAL(lists.word(kShards, 0), 3u);
  const double more[] = {3, 4};
  double nodes[kNodes] = {};
  uint32_t count = 2;
  CHECK_EQUAL(list_push_owned(lists.region, cpu, more, count), Status::ok);
  count = kNodes;
  CHECK_EQUAL(list_pop_owned(lists.region, cpu, nodes, count), Status::ok);
  CHECK(count == 3 && nodes[0] == 4 && nodes[1] == 3 && nodes[2] == 1);
  const double none = kNodes;
  count = 1;
  CHECK_EQUAL(list_push_owned(lists.region, cpu, &none, count), Status::bad_value);
  CHECK_EQUAL(list_resume(lists.region, cpu), Status::ok);
  CHECK_EQUAL(list_pop_owned(lists.region, cpu, nodes, count), Status::not_owner);
  CHECK_EQUAL(list_push_owned(lists.region, kShards + 1, more, count), Status::out_of_range);
  uint32_t node = 0;
  CHECK_EQUAL(list_pop(lists.region, node), Status::ok);
  CHECK_EQUAL(node, 2u);
}

TEST(damaged_words_of_a_list_are_refused) {
  for (const uint64_t head : {uint64_t{kNodes} + 1, uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
    const Lists lists;
    lists.set_all(0, head);
    uint32_t number = 0;
    CHECK_EQUAL(list_pop(lists.region, number), Status::corrupt);
    CHECK_EQUAL(list_size(lists.region, 0, number), Status::corrupt);
    CHECK_EQUAL(list_stop(lists.region, 0), Status::ok);
    double node = 1;
    number = 1;
    CHECK_EQUAL(list_pop_owned(lists.region, 0, &node, number), Status::corrupt);
    number = 1;
    CHECK_EQUAL(list_push_owned(lists.region, 0, &node, number), Status::corrupt);
    CHECK_EQUAL(list_resume(lists.region, 0), Status::ok);
  }
  // Node links that form a circle.
  const Lists lists;
  lists.set_all(0, 1);
  list_links(lists.region)[0] = 2;
  list_links(lists.region)[1] = 1;
  uint32_t count = 0;
  CHECK_EQUAL(list_size(lists.region, 3, count), Status::corrupt);
  CHECK_EQUAL(list_stop(lists.region, 3), Status::ok);
  double nodes[kNodes] = {};
  count = kNodes;
  CHECK_EQUAL(list_pop_owned(lists.region, 3, nodes, count), Status::corrupt);
  CHECK_EQUAL(list_resume(lists.region, 3), Status::ok);
}

namespace {

/** Calls `use` with a checked list for each index and for both kinds of writers. */
template <typename Use> void for_each_checked(Use use) {
  for (const Index index : {Index::cpu_id, Index::mm_cid})
    for (const Writers writers : {Writers::sections, Writers::atomics})
      use(Lists(list_spec(index, writers, true)));
}

Status give_one(const Lists& lists, uint32_t shard, uint32_t node) {
  const double number = node;
  uint32_t count = 1;
  CHECK_EQUAL(list_stop(lists.region, shard), Status::ok);
  const Status status = list_push_owned(lists.region, shard, &number, count);
  CHECK_EQUAL(count, status == Status::ok ? 1u : 0u);
  CHECK_EQUAL(list_resume(lists.region, shard), Status::ok);
  return status;
}

constexpr uint32_t kFree = static_cast<uint32_t>(NodeState::free);
constexpr uint32_t kListed = static_cast<uint32_t>(NodeState::listed);

} // namespace

TEST(a_checked_list_refuses_a_node_that_is_on_a_list) {
  const Pinned pinned;
  for_each_checked([](const Lists& lists) {
    CHECK_EQUAL(give_one(lists, 9, 3), Status::ok);
    CHECK_EQUAL(give_one(lists, kShards, 4), Status::ok);
    // Pushed last: a thread without sections pushes on the overflow list, and must pop this node first.
    CHECK_EQUAL(list_push(lists.region, 2), Status::ok);
    for (uint32_t node = 2; node < kNodes; node++) {
      CHECK_EQUAL(list_push(lists.region, node), Status::listed);
      for (const uint32_t shard : {0u, 9u, kShards})
        CHECK_EQUAL(give_one(lists, shard, node), Status::listed);
    }
    uint32_t node = 0;
    CHECK_EQUAL(list_pop(lists.region, node), Status::ok);
    CHECK_EQUAL(node, 2u);
    CHECK_EQUAL(list_push(lists.region, 2), Status::ok);
    // A refused push changed nothing, and no lock stays taken.
    uint32_t total = 0;
    for (uint32_t shard = 0; shard <= kShards; shard++) {
      total += lists.size(shard);
      CHECK_EQUAL(lists.word(shard, 1), 0u);
    }
    CHECK_EQUAL(total, 3u);
  });
}

TEST(a_checked_list_takes_a_node_that_a_dead_thread_left_listed) {
  const Pinned pinned;
  for_each_checked([](const Lists& lists) {
    for (const uint32_t state : {kListed, 2u, UINT32_MAX}) {
      *unit_state(lists.region, 3) = state;
      CHECK_EQUAL(list_push(lists.region, 3), Status::ok);
      CHECK_EQUAL(*unit_state(lists.region, 3), kListed);
      CHECK_EQUAL(list_push(lists.region, 3), Status::listed);
      uint32_t node = 0;
      CHECK_EQUAL(list_pop(lists.region, node), Status::ok);
      CHECK_EQUAL(node, 3u);
      CHECK_EQUAL(*unit_state(lists.region, 3), kFree);
    }
  });
}

TEST(a_checked_list_reports_a_wrong_state_once) {
  const Pinned pinned;
  for_each_checked([](const Lists& lists) {
    uint32_t node = 0;
    for (const uint32_t state : {kFree, 2u, UINT32_MAX}) {
      CHECK_EQUAL(list_push(lists.region, 1), Status::ok);
      *unit_state(lists.region, 1) = state;
      CHECK_EQUAL(list_pop(lists.region, node), Status::corrupt);
      CHECK_EQUAL(list_pop(lists.region, node), Status::empty);
    }
    // A refused push on a damaged list leaves the node free.
    lists.set_all(0, kNodes + 1);
    *unit_state(lists.region, 1) = kFree;
    CHECK_EQUAL(give_one(lists, 0, 1), Status::corrupt);
    CHECK_EQUAL(*unit_state(lists.region, 1), kFree);
  });
}

TEST(the_states_of_a_checked_list_are_behind_its_links) {
  Lists lists(list_spec(Index::cpu_id, Writers::sections, true));
  const Region& region = lists.region;
  auto* const links = reinterpret_cast<unsigned char*>(list_links(region));
  CHECK(reinterpret_cast<unsigned char*>(unit_state(region, 0)) == links + size_t{8} * kNodes);
  CHECK(unit_at(region, 0) == links + shard_stride(2 * kNodes));
  CHECK(unit_at(region, kNodes - 1) + 16 <= lists.memory.data() + lists.memory.size());
}
