// A list of nodes by pointers: a head a shard. Nodes are pushed and popped at the head.
#include "retry.h"

#include <cstddef>

namespace percpu::interleave {
namespace {

struct Node {
  intptr_t next;
  int64_t name;
};

struct Shard {
  intptr_t head;
  Node there[2]; ///< On the list from the start: none, one or both.
};

/** What memory begins with: a node for each role to push. */
constexpr size_t kFreshSize = kRoles * sizeof(Node);

Shard& shard_of(const Call& call, uint32_t shard) {
  return call.memory.shard<Shard>(shard, kFreshSize);
}

Node& fresh(const Memory& memory, uint32_t role) {
  return memory.shard<Node>(role);
}

size_t size(uint32_t shards) {
  return kFreshSize + (shards + 1) * sizeof(Shard);
}

intptr_t address(Node& node) {
  return reinterpret_cast<intptr_t>(&node);
}

void set_up(const Memory& memory, Index, uint32_t state) {
  for (uint32_t role = 0; role < kRoles; role++)
    fresh(memory, role).name = role;
  for (uint32_t i = 0; i <= memory.shards; i++) {
    Shard& shard = memory.shard<Shard>(i, kFreshSize);
    for (uint32_t n = 0; n < 2; n++) {
      shard.there[n].name = 100 + 2 * i + n;
      if (n < state) {
        shard.there[n].next = shard.head;
        shard.head = address(shard.there[n]);
      }
    }
  }
}

/** A link of a node that is on no list is not part of the contents. */
void tidy(const Memory& memory) {
  const auto tidy_node = [&](Node& node) {
    for (uint32_t i = 0; i <= memory.shards; i++) {
      intptr_t at = memory.shard<Shard>(i, kFreshSize).head;
      for (uint32_t n = 0; at != 0 && n < kRoles + 2; n++) {
        if (at == address(node))
          return;
        at = reinterpret_cast<Node*>(at)->next;
      }
    }
    node.next = 0;
  };
  for (uint32_t role = 0; role < kRoles; role++)
    tidy_node(fresh(memory, role));
  for (uint32_t i = 0; i <= memory.shards; i++)
    for (Node& node : memory.shard<Shard>(i, kFreshSize).there)
      tidy_node(node);
}

const Structure list = {"list", size, 3, set_up, tidy};

Answer push_model(const Call& call, uint32_t shard) {
  Node& node = fresh(call.memory, call.role);
  node.next = shard_of(call, shard).head;
  shard_of(call, shard).head = address(node);
  return 0;
}

Answer push(const Call& call) {
  Node& node = fresh(call.memory, call.role);
  return retry(call, push_model, [&](const Here& here, Answer&) {
    intptr_t& head = shard_of(call, here.index).head;
    node.next = read(head);
    return load_cbne_store(here, &head, node.next, address(node));
  });
}

/** What the owner of a popped node does with it. */
Answer take(intptr_t popped) {
  Node& node = *reinterpret_cast<Node*>(popped);
  node.next = 0;
  return node.name;
}

Answer pop_model(const Call& call, uint32_t shard) {
  intptr_t& head = shard_of(call, shard).head;
  if (head == 0)
    return kEmpty;
  const intptr_t popped = head;
  head = reinterpret_cast<Node*>(popped)->next;
  return take(popped);
}

Answer pop(const Call& call) {
  return retry(call, pop_model, [&](const Here& here, Answer& answer) {
    intptr_t popped = 0;
    const Outcome outcome =
        load_cbeq_store_add_load_store(here, &shard_of(call, here.index).head, 0, offsetof(Node, next), &popped);
    if (outcome == Outcome::compare_failed) {
      answer = kEmpty;
      return Outcome::done;
    }
    if (outcome == Outcome::done)
      answer = take(popped);
    return outcome;
  });
}

const Rows rows({
    {"push", &list, push, push_model, kAttempts, false, true},
    {"pop", &list, pop, pop_model, kAttempts, false, true},
});

} // namespace
} // namespace percpu::interleave
