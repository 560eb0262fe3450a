// A buffer of words, and one of records, for each CPU: threads take an element out and put it back.
#include "tokens.h"

#include <array>
#include <cstring>

namespace percpu::stress {
namespace {

/** A count for each CPU, and slots. The subclass defines the contents of a slot. */
template <typename Slot> class Slots : public Structure {
public:
  Slots(uint32_t count, const Options& use)
      : options(use), tokens(count * kTokensPerShard), shards(count), slots(count * tokens.count()) {
    for (size_t token = 1; token <= tokens.count(); token++) {
      Shard& shard = shards[token % count];
      slots[token % count * tokens.count() + static_cast<size_t>(shard.count++)] = Slot(token);
    }
  }

  void step(Worker& worker) override {
    const size_t token = pop(worker);
    if (token == 0)
      return;
    tokens.use(worker, token);
    if (!push(worker, token))
      tokens.put_aside(token);
  }

  std::string check(const Counts& total) override {
    if (broken != 0)
      return std::to_string(broken) + " elements of two halves";
    std::vector<size_t> found;
    for (size_t shard = 0; shard < shards.size(); shard++)
      for (int64_t i = 0; i < shards[shard].count; i++)
        found.push_back(slot(shard, i)->token());
    return tokens.check(found, total);
  }

protected:
  struct alignas(kShardAlignment) Shard {
    int64_t count = 0;
  };

  virtual size_t pop(Worker& worker) = 0;
  /** False: to the overflow shard. */
  virtual bool push(Worker& worker, size_t token) = 0;

  Slot* slot(size_t shard, int64_t i) { return &slots[shard * tokens.count() + static_cast<size_t>(i)]; }
  int64_t capacity() const { return static_cast<int64_t>(tokens.count()); }

  const Options& options;
  Tokens tokens;
  std::vector<Shard> shards;
  uint64_t broken = 0;

private:
  std::vector<Slot> slots;
};

struct Word {
  explicit Word(size_t token = 0) : value(static_cast<int64_t>(token)) {}
  size_t token() const { return static_cast<size_t>(value); }
  int64_t value;
};

class Buffer : public Slots<Word> {
public:
  using Slots::Slots;

private:
  /** Compares the slot, too: after a pop and a push, the count is equal again. */
  size_t pop(Worker& worker) override {
    int64_t popped = 0;
    const bool done = worker.try_here([&](const Here& here) {
      int64_t& count = shards[here.index].count;
      const int64_t before = read(count);
      popped = 0;
      if (before == 0)
        return Outcome::done;
      int64_t* last = &slot(here.index, before - 1)->value;
      popped = read(*last);
      return load_cbne_load_cbne_store(here, &count, before, last, popped, before - 1);
    });
    return done ? static_cast<size_t>(popped) : tokens.take_aside();
  }

  bool push(Worker& worker, size_t token) override {
    bool full = false;
    const bool done = worker.try_here([&](const Here& here) {
      int64_t& count = shards[here.index].count;
      const int64_t before = read(count);
      full = before >= capacity(); // Only in the control, where tokens multiply.
      if (full)
        return Outcome::done;
      return load_cbne_store_store(here, options.order, &count, before, &slot(here.index, before)->value,
                                   static_cast<int64_t>(token), before + 1);
    });
    return done && !full;
  }
};

/** Some words and some single bytes, all of them made from the token. */
struct alignas(8) Record {
  explicit Record(size_t token = 0) : bytes() {
    memcpy(bytes.data(), &token, sizeof(token));
    for (size_t i = sizeof(token); i < bytes.size(); i++)
      bytes[i] = filler(token, i);
  }
  size_t token() const {
    size_t token;
    memcpy(&token, bytes.data(), sizeof(token));
    return token;
  }
  bool whole() const { return bytes == Record(token()).bytes; }
  static unsigned char filler(size_t token, size_t i) { return static_cast<unsigned char>(7 * token + i); }

  std::array<unsigned char, 45> bytes;
};

class Records : public Slots<Record> {
public:
  using Slots::Slots;

private:
  size_t pop(Worker& worker) override {
    Record popped;
    const bool done = worker.try_here([&](const Here& here) {
      int64_t& count = shards[here.index].count;
      const int64_t before = read(count);
      if (before == 0) {
        popped = Record();
        return Outcome::done;
      }
      return load_cbne_memcpy_store(here, options.order, &count, before, popped.bytes.data(),
                                    slot(here.index, before - 1)->bytes.data(), popped.bytes.size(), before - 1);
    });
    if (!done)
      return tokens.take_aside();
    if (popped.whole() && popped.token() <= tokens.count())
      return popped.token();
    __atomic_fetch_add(&broken, 1, __ATOMIC_RELAXED);
    return 0;
  }

  bool push(Worker& worker, size_t token) override {
    const Record record(token);
    bool full = false;
    const bool done = worker.try_here([&](const Here& here) {
      int64_t& count = shards[here.index].count;
      const int64_t before = read(count);
      full = before >= capacity();
      if (full)
        return Outcome::done;
      return load_cbne_memcpy_store(here, options.order, &count, before, slot(here.index, before)->bytes.data(),
                                    record.bytes.data(), record.bytes.size(), before + 1);
    });
    return done && !full;
  }
};

const Rows rows({
    {"buffer", "load_cbne_store_store and load_cbne_load_cbne_store: push and pop of words", make<Buffer>, true},
    {"memcpy", "load_cbne_memcpy_store: push and pop of records", make<Records>, true},
});

} // namespace
} // namespace percpu::stress
