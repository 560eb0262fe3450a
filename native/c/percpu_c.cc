/**
 * @file
 * The interface for C, percpu/percpu_c.h, over the headers for C++. It needs no library of C++: nothing throws, and
 * memory is that of malloc().
 */
#include "../percpu/percpu_c.h"
#include "../percpu/percpu.h"
#include "../percpu/ring_shard.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

using percpu::PrivateRegion;
using percpu::RecordFrame;
using percpu::Region;
using percpu::RegionError;
using percpu::Status;

// Each object is a region with a name of its own.
struct percpu_counters : PrivateRegion {
  using PrivateRegion::PrivateRegion;
};
struct percpu_stacks : PrivateRegion {
  using PrivateRegion::PrivateRegion;
};
struct percpu_lists : PrivateRegion {
  using PrivateRegion::PrivateRegion;
};
struct percpu_pool : PrivateRegion {
  using PrivateRegion::PrivateRegion;
};
struct percpu_rings : PrivateRegion {
  using PrivateRegion::PrivateRegion;
};
struct percpu_words : PrivateRegion {
  using PrivateRegion::PrivateRegion;
};

struct percpu_rings_seat {
  percpu::RingSeat seat;
  unsigned char scratch[1]; ///< In fact, as long as the longest record needs.
};

namespace {

static_assert(PERCPU_OUT_OF_RANGE == static_cast<uint32_t>(Status::out_of_range));
static_assert(PERCPU_BAD_VALUE == static_cast<uint32_t>(Status::bad_value));
static_assert(PERCPU_CONTENDED == static_cast<uint32_t>(Status::contended));
static_assert(PERCPU_FULL == static_cast<uint32_t>(Status::full));
static_assert(PERCPU_EMPTY == static_cast<uint32_t>(Status::empty));
static_assert(PERCPU_CORRUPT == static_cast<uint32_t>(Status::corrupt));
static_assert(PERCPU_UNFENCEABLE == static_cast<uint32_t>(Status::unfenceable));
static_assert(PERCPU_LISTED == static_cast<uint32_t>(Status::listed));
static_assert(PERCPU_BUSY == static_cast<uint32_t>(Status::busy));
static_assert(PERCPU_NOT_OWNER == static_cast<uint32_t>(Status::not_owner));
static_assert(PERCPU_HELD_ALREADY == static_cast<uint32_t>(Status::held_already));
static_assert(PERCPU_NO_MEMORY == static_cast<uint32_t>(Status::no_room));
static_assert(PERCPU_DISCARD == static_cast<uint32_t>(percpu::Policy::discard));
static_assert(PERCPU_OVERWRITE == static_cast<uint32_t>(percpu::Policy::overwrite));

percpu_status to_c(Status status) noexcept {
  return static_cast<percpu_status>(status);
}

/** A new object, or null with `errno`. */
template <typename Object> Object* make(const percpu::RegionSpec& spec) noexcept {
  void* memory = malloc(sizeof(Object));
  if (memory == nullptr)
    return nullptr;
  Object* object = new (memory) Object(spec);
  if (*object)
    return object;
  const int error = object->error() == RegionError::no_memory ? ENOMEM : EINVAL;
  object->~Object();
  free(memory);
  errno = error;
  return nullptr;
}

template <typename Object> void destroy(Object* object) noexcept {
  if (object == nullptr)
    return;
  object->~Object();
  free(object);
}

/** The most nodes that one step of a drain takes. */
constexpr uint32_t kDrainedAtOnce = 64;

/** Stops the list of a shard and pops what there is room for. */
Status drain_list(const Region& region, uint32_t shard, uint32_t* nodes, uint32_t room, uint32_t& drained) noexcept {
  drained = 0;
  Status status = percpu::list_stop(region, shard);
  if (status != Status::ok)
    return status;
  uint32_t popped = 0;
  do {
    double some[kDrainedAtOnce];
    popped = room - drained < kDrainedAtOnce ? room - drained : kDrainedAtOnce;
    status = percpu::list_pop_owned(region, shard, some, popped);
    for (uint32_t i = 0; i < popped; i++)
      nodes[drained++] = static_cast<uint32_t>(some[i]);
  } while (status == Status::ok && popped != 0 && drained < room);
  percpu::list_resume(region, shard);
  return status;
}

percpu_status act(percpu_words* words, uint32_t i, const percpu::WordAct& wanted, percpu_word* word) noexcept {
  percpu::ActAnswer answer = {};
  const Status status = percpu::array_act(**words, i, wanted, answer);
  if (word != nullptr)
    *word = {answer.shard, answer.before};
  return to_c(status);
}

/** Visits `bytes` bytes of records, as ring_read() copies them. @return the bytes that they take in the ring. */
uint32_t visit_all(const unsigned char* records, uint32_t bytes, percpu_rings_visit visit, void* context,
                   uint64_t& visited) noexcept {
  uint32_t in_ring = 0;
  for (uint32_t at = 0; at < bytes;) {
    const unsigned char* record = records + at;
    uint64_t meta = 0;
    int64_t nanoseconds = 0;
    memcpy(&meta, record, sizeof(meta));
    memcpy(&nanoseconds, record + sizeof(meta), sizeof(nanoseconds));
    const auto length = static_cast<uint32_t>(meta & RecordFrame::kLengthMask);
    // The number of a CPU has as many bits as a length.
    const percpu_record seen = {record + percpu::kReadFrame, length,
                                static_cast<uint32_t>(meta >> RecordFrame::kCpuShift & RecordFrame::kLengthMask),
                                static_cast<uint32_t>(meta >> RecordFrame::kThreadShift & RecordFrame::kThreadMask),
                                nanoseconds};
    visit(&seen, context);
    visited++;
    in_ring += percpu::ring_record_size(record);
    at += percpu::kReadFrame + percpu::padded_record(length);
  }
  return in_ring;
}

} // namespace

const char* percpu_status_text(percpu_status status) {
  switch (status) {
  case PERCPU_OK:
    return "done";
  case PERCPU_OUT_OF_RANGE:
    return "there is no such element, node, block or shard, or the record is too long";
  case PERCPU_BAD_VALUE:
    return "the value is not a finite number";
  case PERCPU_CONTENDED:
    return "other threads were in the way for too long";
  case PERCPU_FULL:
    return "there is no room";
  case PERCPU_EMPTY:
    return "there is nothing to take";
  case PERCPU_CORRUPT:
    return "the memory was overwritten";
  case PERCPU_UNFENCEABLE:
    return "the CPU cannot be stopped";
  case PERCPU_LISTED:
    return "the node is on a list already";
  case PERCPU_BUSY:
    return "another thread owns the shard";
  case PERCPU_NOT_OWNER:
    return "the block is not allocated";
  case PERCPU_HELD_ALREADY:
    return "the calling thread owns it already";
  case PERCPU_NO_MEMORY:
    return "there is no memory";
  }
  return "an unknown status";
}

int percpu_attach(void) {
  const percpu::Registration mine = percpu::attach();
  if (mine.owner != percpu::Owner::none)
    return 0;
  return mine.error != 0 ? mine.error : ENOTSUP;
}

void percpu_detach(void) {
  percpu::detach();
}

bool percpu_is_available(void) {
  return percpu::is_available();
}

uint32_t percpu_cpu(void) {
  return percpu::current_cpu();
}

uint32_t percpu_node(void) {
  return percpu::current_node();
}

uint32_t percpu_possible_cpus(void) {
  return percpu::possible_cpus();
}

bool percpu_verify(void) {
  return percpu::passed(percpu::verify());
}

percpu_counters* percpu_counters_new(uint32_t length) {
  return make<percpu_counters>(percpu::counters_spec(length));
}

void percpu_counters_delete(percpu_counters* counters) {
  destroy(counters);
}

percpu_status percpu_counters_add(percpu_counters* counters, uint32_t i, int64_t delta) {
  return to_c(percpu::counter_add(**counters, i, delta));
}

int64_t percpu_counters_value(const percpu_counters* counters, uint32_t i) {
  return i < (*counters)->length ? percpu::counter_sum_i64(**counters, i) : 0;
}

percpu_status percpu_counters_set(percpu_counters* counters, uint32_t i, int64_t value, int64_t* before) {
  if (i >= (*counters)->length)
    return PERCPU_OUT_OF_RANGE;
  int64_t held = 0;
  const Status status = percpu::counter_set(**counters, i, value, held);
  if (before != nullptr)
    *before = held;
  return to_c(status);
}

percpu_stacks* percpu_stacks_new(uint32_t capacity) {
  return make<percpu_stacks>(percpu::stack_spec(capacity));
}

void percpu_stacks_delete(percpu_stacks* stacks) {
  destroy(stacks);
}

percpu_status percpu_stacks_push(percpu_stacks* stacks, double value) {
  return to_c(percpu::stack_push(**stacks, value));
}

percpu_status percpu_stacks_pop(percpu_stacks* stacks, double* value) {
  return to_c(percpu::stack_pop(**stacks, *value));
}

percpu_status percpu_stacks_drain(percpu_stacks* stacks, uint32_t shard, double* values, uint32_t* count) {
  const uint32_t room = *count;
  *count = 0;
  Status status = percpu::stack_stop(**stacks, shard);
  if (status != Status::ok)
    return to_c(status);
  uint32_t popped = room;
  status = percpu::stack_pop_owned(**stacks, shard, values, popped);
  percpu::stack_resume(**stacks, shard);
  *count = popped;
  return to_c(status);
}

percpu_lists* percpu_lists_new(uint32_t nodes, uint32_t size) {
  return make<percpu_lists>(percpu::list_spec(nodes, size));
}

void percpu_lists_delete(percpu_lists* lists) {
  destroy(lists);
}

void* percpu_lists_at(const percpu_lists* lists, uint32_t node) {
  return node < (*lists)->units ? percpu::unit_at(**lists, node) : nullptr;
}

percpu_status percpu_lists_push(percpu_lists* lists, uint32_t node) {
  return to_c(percpu::list_push(**lists, node));
}

percpu_status percpu_lists_pop(percpu_lists* lists, uint32_t* node) {
  return to_c(percpu::list_pop(**lists, *node));
}

percpu_status percpu_lists_drain(percpu_lists* lists, uint32_t shard, uint32_t* nodes, uint32_t* count) {
  const uint32_t room = *count;
  return to_c(drain_list(**lists, shard, nodes, room, *count));
}

percpu_pool* percpu_pool_new(uint32_t blocks, uint32_t size) {
  return make<percpu_pool>(percpu::pool_spec(blocks, size));
}

void percpu_pool_delete(percpu_pool* pool) {
  destroy(pool);
}

void* percpu_pool_alloc(percpu_pool* pool) {
  uint32_t block = 0;
  return percpu::pool_alloc(**pool, block) == Status::ok ? percpu::unit_at(**pool, block) : nullptr;
}

percpu_status percpu_pool_free(percpu_pool* pool, void* block) {
  if (block == nullptr)
    return PERCPU_OK;
  const Region& region = **pool;
  const uint64_t stride = percpu::unit_stride(region.unit_size);
  // An address below the blocks becomes a large number.
  const uint64_t distance =
      reinterpret_cast<uintptr_t>(block) - reinterpret_cast<uintptr_t>(percpu::unit_at(region, 0));
  if (distance % stride != 0 || distance / stride >= region.units)
    return PERCPU_OUT_OF_RANGE;
  return to_c(percpu::pool_free(region, static_cast<uint32_t>(distance / stride)));
}

percpu_rings* percpu_rings_new(uint32_t capacity, percpu_policy policy) {
  if (policy != PERCPU_DISCARD && policy != PERCPU_OVERWRITE) {
    errno = EINVAL;
    return nullptr;
  }
  return make<percpu_rings>(percpu::ring_spec(capacity, static_cast<percpu::Policy>(policy)));
}

void percpu_rings_delete(percpu_rings* rings) {
  destroy(rings);
}

uint32_t percpu_rings_longest(const percpu_rings* rings) {
  return percpu::longest_record(((*rings)->length - percpu::kRingHead) * 8);
}

percpu_rings_seat* percpu_rings_seat_new(percpu_rings* rings) {
  const uint32_t size = percpu::scratch_size(percpu_rings_longest(rings));
  // The scratch has to be aligned to 8.
  const size_t head = (offsetof(percpu_rings_seat, scratch) + 7) / 8 * 8;
  auto* const memory = static_cast<unsigned char*>(malloc(head + size));
  if (memory == nullptr)
    return nullptr;
  auto* const seat = reinterpret_cast<percpu_rings_seat*>(memory);
  if (percpu::ring_open(**rings, memory + head, size, seat->seat) == RegionError::none)
    return seat;
  free(memory);
  errno = EINVAL;
  return nullptr;
}

void percpu_rings_seat_delete(percpu_rings_seat* seat) {
  free(seat);
}

percpu_status percpu_rings_write(percpu_rings_seat* seat, const void* record, uint32_t length) {
  if (length > seat->seat.writable)
    return PERCPU_OUT_OF_RANGE;
  memcpy(seat->seat.scratch, record, length);
  return to_c(percpu::ring_write(seat->seat, length));
}

percpu_status percpu_rings_read(percpu_rings_seat* seat, percpu_rings_visit visit, void* context, uint64_t* count) {
  const percpu::RingSeat& at = seat->seat;
  const bool is_recorder = at.region.policy == percpu::Policy::overwrite;
  uint64_t visited = 0;
  if (count != nullptr)
    *count = 0;
  // A copy of a record takes less room than the record does in the ring.
  const uint32_t room = percpu::ring_capacity(at);
  auto* const into = static_cast<unsigned char*>(malloc(room));
  if (into == nullptr)
    return PERCPU_NO_MEMORY;
  Status status = is_recorder ? Status::ok : percpu::ring_claim(at);
  if (status == Status::ok) {
    for (uint32_t shard = 0; shard <= at.region.shards; shard++) {
      uint32_t bytes = 0;
      const Status read = is_recorder ? percpu::ring_snapshot(at, shard, into, room, bytes)
                                      : percpu::ring_read(at, shard, into, room, bytes);
      if (read != Status::ok)
        status = read;
      const uint32_t in_ring = visit_all(into, bytes, visit, context, visited);
      if (!is_recorder && in_ring != 0)
        percpu::ring_free(at, shard, in_ring);
    }
    if (!is_recorder)
      percpu::ring_release(at);
  }
  free(into);
  if (count != nullptr)
    *count = visited;
  return to_c(status);
}

uint64_t percpu_rings_dropped(const percpu_rings_seat* seat) {
  uint64_t sum = 0;
  for (uint32_t shard = 0; shard <= seat->seat.region.shards; shard++)
    sum += percpu::ring_dropped(seat->seat, shard);
  return sum;
}

percpu_words* percpu_words_new(uint32_t length) {
  return make<percpu_words>(percpu::array_spec(length));
}

void percpu_words_delete(percpu_words* words) {
  destroy(words);
}

percpu_status percpu_words_load(percpu_words* words, uint32_t i, percpu_word* word) {
  return act(words, i, {percpu::Act::load, 0, 0}, word);
}

percpu_status percpu_words_add(percpu_words* words, uint32_t i, int64_t delta, percpu_word* word) {
  return act(words, i, {percpu::Act::add, delta, 0}, word);
}

percpu_status percpu_words_exchange(percpu_words* words, uint32_t i, int64_t value, percpu_word* word) {
  return act(words, i, {percpu::Act::exchange, value, 0}, word);
}

percpu_status percpu_words_compare_exchange(percpu_words* words, uint32_t i, int64_t expected, int64_t value,
                                            percpu_word* word) {
  return act(words, i, {percpu::Act::compare_exchange, value, expected}, word);
}

percpu_status percpu_words_get(const percpu_words* words, uint32_t shard, uint32_t i, int64_t* value) {
  if (shard > (*words)->shards)
    return PERCPU_OUT_OF_RANGE;
  return to_c(percpu::array_get(**words, shard, i, *value));
}
