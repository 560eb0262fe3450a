// A buffer of records: bytes that are copied in and out at its end.
#include "retry.h"

#include <cstring>

namespace percpu::interleave {
namespace {

/** One word and three bytes, so that both loops of the copy run. */
constexpr size_t kRecord = 11;
constexpr int64_t kPitch = 16;
constexpr int64_t kCapacity = 3 * kPitch;

struct Shard {
  int64_t end;
  alignas(8) unsigned char bytes[kCapacity];
};

size_t size(uint32_t shards) {
  return (shards + 1) * sizeof(Shard);
}

struct alignas(8) Record {
  unsigned char bytes[kRecord];
  explicit Record(int seed = 0) { memset(bytes, 16 * seed + 1, sizeof(bytes)); }
  /** All of its bytes count: a record of two halves has a value of its own. */
  Answer value() const {
    Answer sum = 0;
    for (const unsigned char byte : bytes)
      sum = sum * 31 + byte;
    return sum;
  }
};

void set_up(const Memory& memory, Index, uint32_t state) {
  for (uint32_t i = 0; i <= memory.shards; i++) {
    Shard& shard = memory.shard<Shard>(i);
    for (uint32_t n = 0; n < state; n++, shard.end += kPitch)
      memcpy(shard.bytes + shard.end, Record(static_cast<int>(8 + n)).bytes, kRecord);
  }
}

/** Bytes that were copied in and not committed are not part of the contents. */
void tidy(const Memory& memory) {
  for (uint32_t i = 0; i <= memory.shards; i++) {
    Shard& shard = memory.shard<Shard>(i);
    if (shard.end >= 0 && shard.end < kCapacity)
      memset(shard.bytes + shard.end, 0, static_cast<size_t>(kCapacity - shard.end));
  }
}

const Structure records = {"records", size, 3, set_up, tidy};

Answer push_model(const Call& call, uint32_t shard) {
  Shard& it = call.memory.shard<Shard>(shard);
  if (it.end == kCapacity)
    return kFull;
  memcpy(it.bytes + it.end, Record(static_cast<int>(call.role)).bytes, kRecord);
  it.end += kPitch;
  return 0;
}

Answer push(const Call& call) {
  const Record record(static_cast<int>(call.role));
  return retry(call, push_model, [&](const Here& here, Answer& answer) {
    Shard& it = call.memory.shard<Shard>(here.index);
    const int64_t end = read(it.end);
    if (end == kCapacity) {
      answer = kFull;
      return Outcome::done;
    }
    return load_cbne_memcpy_store(here, call.order, &it.end, end, it.bytes + end, record.bytes, kRecord, end + kPitch);
  });
}

Answer pop_model(const Call& call, uint32_t shard) {
  Shard& it = call.memory.shard<Shard>(shard);
  if (it.end == 0)
    return kEmpty;
  it.end -= kPitch;
  Record record;
  memcpy(record.bytes, it.bytes + it.end, kRecord);
  return record.value();
}

Answer pop(const Call& call) {
  return retry(call, pop_model, [&](const Here& here, Answer& answer) {
    Shard& it = call.memory.shard<Shard>(here.index);
    const int64_t end = read(it.end);
    if (end == 0) {
      answer = kEmpty;
      return Outcome::done;
    }
    const int64_t last = end - kPitch;
    Record record;
    const Outcome outcome =
        load_cbne_memcpy_store(here, call.order, &it.end, end, record.bytes, it.bytes + last, kRecord, last);
    answer = record.value();
    return outcome;
  });
}

const Rows rows({
    {"push", &records, push, push_model, kAttempts, true, true},
    {"pop", &records, pop, pop_model, kAttempts, true, true},
});

} // namespace
} // namespace percpu::interleave
