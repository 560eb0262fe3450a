// A list of numbered nodes: its sections by themselves. The links lie before the shards, one for each node.
#include "retry.h"

namespace percpu::interleave {
namespace {

/** Of each shard, on its list from the start: none, one or both. */
constexpr uint32_t kThere = 2;

struct Shard {
  int64_t head;
  int64_t stop;
};

/** A node for each role to push, and those of the shards. */
uint32_t nodes(uint32_t shards) {
  return kRoles + kThere * (shards + 1);
}

size_t size(uint32_t shards) {
  return nodes(shards) * sizeof(int64_t) + (shards + 1) * sizeof(Shard);
}

int64_t* links(const Memory& memory) {
  return &memory.shard<int64_t>(0);
}

Shard& list_at(const Memory& memory, uint32_t shard) {
  return memory.shard<Shard>(shard, nodes(memory.shards) * sizeof(int64_t));
}

void put(const Memory& memory, uint32_t shard, uint32_t node) {
  links(memory)[node] = list_at(memory, shard).head;
  list_at(memory, shard).head = node + 1;
}

void set_up(const Memory& memory, Index, uint32_t state) {
  for (uint32_t shard = 0; shard <= memory.shards; shard++)
    for (uint32_t n = 0; n < state; n++)
      put(memory, shard, kRoles + kThere * shard + n);
}

/** A link of a node that is on no list is not part of the contents. */
void tidy(const Memory& memory) {
  const uint32_t count = nodes(memory.shards);
  for (uint32_t node = 0; node < count; node++) {
    bool is_on = false;
    for (uint32_t shard = 0; shard <= memory.shards; shard++) {
      int64_t link = list_at(memory, shard).head;
      for (uint32_t n = 0; link > 0 && link <= count && n < count; n++) {
        is_on = is_on || link == node + 1;
        link = links(memory)[link - 1];
      }
    }
    if (!is_on)
      links(memory)[node] = 0;
  }
}

const Structure list = {"nodes", size, kThere + 1, set_up, tidy};

Answer push_model(const Call& call, uint32_t shard) {
  put(call.memory, shard, call.role);
  return 0;
}

Answer pop_model(const Call& call, uint32_t shard) {
  const int64_t head = list_at(call.memory, shard).head;
  if (head == 0)
    return kEmpty;
  list_at(call.memory, shard).head = links(call.memory)[head - 1];
  return head - 1;
}

Answer push_by_section(const Call& call) {
  return retry(call, push_model, [&](const Here& here, Answer& answer) {
    answer = 0;
    return load_cbne_load_store_store(here, &list_at(call.memory, here.index).head, links(call.memory) + call.role,
                                      call.role + 1);
  });
}

Answer pop_by_section(const Call& call) {
  return retry(call, pop_model, [&](const Here& here, Answer& answer) {
    int64_t* head = &list_at(call.memory, here.index).head;
    const int32_t popped =
        load_cbne_load_add_cbge_load_store_link(here, head, links(call.memory), nodes(call.memory.shards));
    answer = popped;
    if (popped >= 0)
      return Outcome::done;
    const auto outcome = static_cast<Outcome>(-popped);
    if (outcome != Outcome::compare_failed || read(*head) != 0)
      return outcome;
    answer = kEmpty;
    return Outcome::done;
  });
}

/** The note of the popped node is in the caller's memory: no other role looks at it. */
Answer pop_noted_by_section(const Call& call) {
  return retry(call, pop_model, [&](const Here& here, Answer& answer) {
    int64_t* head = &list_at(call.memory, here.index).head;
    const int64_t seen = read(*head);
    answer = seen == 0 ? kEmpty : seen - 1;
    if (seen == 0)
      return Outcome::done;
    uint32_t note = 0;
    const Outcome outcome =
        load_cbne_load_cbne_store_load_store(here, head, seen, links(call.memory) + seen - 1, &note, 1 + call.role);
    return outcome == Outcome::done && note != 1 + call.role ? Outcome::inconsistent : outcome;
  });
}

const Rows rows({
    {"push", &list, push_by_section, push_model, interleave::kAttempts, false, true},
    {"pop", &list, pop_by_section, pop_model, interleave::kAttempts, false, true},
    {"pop_noted", &list, pop_noted_by_section, pop_model, interleave::kAttempts, false, true},
});

} // namespace
} // namespace percpu::interleave
