/**
 * @file
 * Events of a trace (rseq/trace of JavaScript), recorded from C++ into the ring and under the switches that JavaScript
 * has opened.
 *
 *     static constexpr auto kRequest = percpu::trace::event("request", percpu::trace::Level::info,
 *         percpu::trace::text("url"), percpu::trace::number<uint32_t>("bytes"), percpu::trace::number<double>("ms"));
 *
 *     percpu::trace::Trace trace;                            // one for each thread
 *     trace.open(ring, ring_bytes, events, events_bytes, slot);
 *     auto request = trace.recorder(kRequest);             // false if the trace has no such event
 *     request("/cart", 512, 3.5);
 *
 * JavaScript passes `trace.memory`: two SharedArrayBuffers and the slot. The compiler hashes an event's definition, and
 * recorder() looks for the hash in the trace: the name, the level, and all names, types and bounds of fields must be
 * those of JavaScript. Spans, arrays and traces with contexts are JavaScript's alone.
 *
 * A record is the one that JavaScript writes (src/trace/record-layout.ts), and one critical section commits it. Nothing
 * here allocates, waits without an end or throws.
 */
#ifndef RSEQ_PERCPU_TRACE_H
#define RSEQ_PERCPU_TRACE_H

#include "ring.h"
#include "trace_switch.h"

#include <limits>
#include <string_view>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace percpu::trace {

/** How important an event is. */
enum class Level : uint32_t { critical, error, warning, info, debug };

/** A number of 64 bits that events of one request or job have in common: the type `flow` of JavaScript. */
struct Flow {
  uint64_t id;
};

/** The number of one of the texts of an `enum`. */
struct Choice {
  uint8_t number;
};

/** Bytes: the type `bytes` of JavaScript. */
struct Bytes {
  const void* data;
  size_t length;
};

/** A field of an event, whose values have a type of C++. */
template <typename Value> struct Field {
  const char* name;
  uint32_t most;      ///< The most bytes of a text or of bytes; 1 for other types.
  const char* labels; ///< The texts of an enum, with `|` between them.
};

/** A field of an integer type, `float`, `double`, `bool` or Flow. */
template <typename Value> constexpr Field<Value> number(const char* name) noexcept {
  return {name, 1, ""};
}

/** A field of the type `string`. What is longer than `most` bytes is cut between two characters. */
constexpr Field<std::string_view> text(const char* name, uint32_t most = 128) noexcept {
  return {name, most, ""};
}

/** A field of the type `bytes`. What is longer than `most` is cut. */
constexpr Field<Bytes> bytes(const char* name, uint32_t most = 128) noexcept {
  return {name, most, ""};
}

/** A field of the type `enum`. `labels`: its texts in their order, with `|` between them. */
constexpr Field<Choice> choice(const char* name, const char* labels) noexcept {
  return {name, 1, labels};
}

namespace detail {

/** Two hashes of a text, which is added piece by piece: those of src/trace/controls.ts. */
struct Hashes {
  uint32_t first = 0x811c9dc5;
  uint32_t second = 0x9e3779b9;

  constexpr void add(char byte) noexcept {
    first = hash_byte(first, static_cast<unsigned char>(byte));
    second = hash_byte(second, static_cast<unsigned char>(byte));
  }
  constexpr void add(const char* text) noexcept {
    for (; *text != '\0'; text++)
      add(*text);
  }
  constexpr void add(uint32_t number) noexcept {
    if (number >= 10)
      add(number / 10);
    add(static_cast<char>('0' + number % 10));
  }
};

template <typename Value> constexpr const char* type_name() noexcept {
  if constexpr (std::is_same_v<Value, bool>)
    return "bool";
  else if constexpr (std::is_same_v<Value, float>)
    return "f32";
  else if constexpr (std::is_same_v<Value, double>)
    return "f64";
  else if constexpr (std::is_same_v<Value, Flow>)
    return "flow";
  else if constexpr (std::is_same_v<Value, Choice>)
    return "enum";
  else if constexpr (std::is_same_v<Value, Bytes>)
    return "bytes";
  else if constexpr (std::is_same_v<Value, std::string_view>)
    return "string";
  else {
    static_assert(std::is_integral_v<Value>, "a field has no type of a trace");
    constexpr const char* names[2][4] = {{"u8", "u16", "u32", "u64"}, {"i8", "i16", "i32", "i64"}};
    constexpr uint32_t size = sizeof(Value) == 1 ? 0 : sizeof(Value) == 2 ? 1 : sizeof(Value) == 4 ? 2 : 3;
    return names[std::is_signed_v<Value> ? 1 : 0][size];
  }
}

template <typename Value> constexpr void add_field(Hashes& hashes, const Field<Value>& field) noexcept {
  hashes.add("\n");
  hashes.add(field.name);
  hashes.add(":");
  hashes.add(type_name<Value>());
  hashes.add(":");
  hashes.add(field.most);
  hashes.add(":");
  hashes.add(field.labels);
}

constexpr const char* level_name(Level level) noexcept {
  constexpr const char* names[] = {"critical", "error", "warning", "info", "debug"};
  return names[static_cast<uint32_t>(level)];
}

constexpr uint32_t kHeadBytes = 64;
constexpr uint32_t kMagic = 0x45515352;
constexpr uint32_t kVersion = 2;
constexpr uint32_t kMostSwitches = 2000;
constexpr uint32_t kMostText = 1u << 22;
constexpr uint16_t kCut = 0x8000;

constexpr size_t multiple_of_8(size_t bytes) noexcept {
  return (bytes + 7) / 8 * 8;
}

template <typename Value> unsigned char* put(unsigned char* at, const Value& value) noexcept {
  memcpy(at, &value, sizeof(value));
  return at + sizeof(value);
}

inline unsigned char* put_long(unsigned char* at, const void* data, size_t length, size_t kept) noexcept {
  at = put(at, static_cast<uint16_t>(kept | (kept < length ? kCut : 0)));
  memcpy(at, data, kept);
  return at + kept;
}

template <typename Value>
unsigned char* put_field(unsigned char* at, const Field<Value>& field, const Value& value) noexcept {
  if constexpr (std::is_same_v<Value, std::string_view>) {
    size_t kept = value.size() < field.most ? value.size() : field.most;
    // Bytes 10xxxxxx continue a character, which has at most three of them.
    for (uint32_t k = 0; k < 3 && kept > 0 && kept < value.size() && (value[kept] & 0xc0) == 0x80; k++)
      kept--;
    return put_long(at, value.data(), value.size(), kept);
  } else if constexpr (std::is_same_v<Value, Bytes>) {
    return put_long(at, value.data, value.length, value.length < field.most ? value.length : field.most);
  } else {
    return put(at, value);
  }
}

/** The most bytes of a field in a record. */
template <typename Value> constexpr uint32_t most_bytes(const Field<Value>& field) noexcept {
  return std::is_same_v<Value, std::string_view> || std::is_same_v<Value, Bytes> ? 2 + field.most : sizeof(Value);
}

/** What a filter sees of a value. */
template <typename Value> long double comparable(const Value& value) noexcept {
  if constexpr (std::is_same_v<Value, Flow>)
    return static_cast<long double>(value.id);
  else if constexpr (std::is_same_v<Value, Choice>)
    return value.number;
  else if constexpr (std::is_arithmetic_v<Value>)
    return value;
  else
    return std::numeric_limits<long double>::quiet_NaN();
}

} // namespace detail

/** The definition of an event: a constant. */
template <typename... Values> struct Event {
  std::tuple<Field<Values>...> fields;
  detail::Hashes hashes;
  uint32_t most; ///< The most bytes of a record.
};

/** Defines an event of at most 8 fields, which happens at one moment. */
template <typename... Values>
constexpr Event<Values...> event(const char* name, Level level, Field<Values>... fields) noexcept {
  static_assert(sizeof...(Values) <= 8, "an event has at most 8 fields");
  detail::Hashes hashes;
  hashes.add(name);
  hashes.add("\nevent\n");
  hashes.add(detail::level_name(level));
  (detail::add_field(hashes, fields), ...);
  return {{fields...}, hashes, (8u + ... + detail::most_bytes(fields))};
}

/** Why a trace was not opened. */
enum class TraceError : uint32_t {
  none = 0,
  ring,   ///< The first memory is no ring, or is damaged.
  events, ///< The second memory has no events of this layout, or is damaged.
  slot,   ///< The slot is beyond 1023.
};

class Trace;

/** Records one event in the thread that made it. Not thread-safe: each thread has its own. */
template <typename... Values> class Recorder {
public:
  /** Whether the trace has the event. If not, it records nothing. */
  explicit operator bool() const noexcept { return trace != nullptr; }

  /** Whether the event is on: one load. */
  bool is_on() const noexcept { return trace != nullptr && control.load() != 0; }

  /**
   * Records an event if its switch and its filter let it. O(bytes of its values). Release order: who reads the record
   * sees what this thread stored before.
   * @return whether it was recorded. False also if a ring with Policy::discard was full, which the ring counts.
   */
  bool operator()(Values... values) noexcept;

private:
  friend class Trace;
  const Event<Values...>* event = nullptr;
  Trace* trace = nullptr;
  uint32_t head = 0;
  Switch control;
};

/** A trace that is open in one thread. It must stay where it is as long as its recorders are used, and so must the
 * memory. */
class Trace {
public:
  Trace() = default;
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /**
   * Opens the memory of a trace for the calling thread, which should have called attach().
   * @param ring,ring_bytes `trace.memory.ring`, mapped writable.
   * @param events,events_bytes `trace.memory.events`, aligned to 8.
   * @param process_slot `trace.memory.slot`.
   */
  TraceError open(void* ring, size_t ring_bytes, void* events, size_t events_bytes, uint32_t process_slot) noexcept {
    using detail::word_in;
    const auto* bytes = static_cast<const unsigned char*>(events);
    if (process_slot >= 1024)
      return TraceError::slot;
    if (events_bytes < detail::kHeadBytes || word_in<uint32_t>(bytes) != detail::kMagic ||
        word_in<uint32_t>(bytes + 4) != detail::kVersion)
      return TraceError::events;
    const uint32_t count = word_in<uint32_t>(bytes + 8);
    const uint32_t text_bytes = word_in<uint32_t>(bytes + 12);
    if (count > detail::kMostSwitches || text_bytes > detail::kMostText)
      return TraceError::events;
    const size_t text_at = detail::multiple_of_8(detail::kHeadBytes + 4 * static_cast<size_t>(count));
    const size_t controls_at = detail::multiple_of_8(text_at + text_bytes);
    const size_t rates_at = controls_at + static_cast<size_t>(kControlBytes) * count;
    if (rates_at + 4 * static_cast<size_t>(kRateWords) * count > events_bytes)
      return TraceError::events;
    Region region = {};
    if (open_region(ring, ring_bytes, Kind::ring, region) != RegionError::none ||
        ring_open(region, scratch, sizeof(scratch), seat) != RegionError::none)
      return TraceError::ring;
    memory = static_cast<unsigned char*>(events);
    controls = memory + controls_at;
    rates = memory + rates_at;
    switches = count;
    slot = process_slot;
    pid = static_cast<uint32_t>(getpid());
    return TraceError::none;
  }

  /** Looks for an event by the hash of its definition. O(events). It is false if the trace has no such event. */
  template <typename... Values> Recorder<Values...> recorder(const Event<Values...>& event) noexcept {
    Recorder<Values...> found;
    for (uint32_t k = 0; k < switches; k++) {
      const unsigned char* block = controls + static_cast<size_t>(kControlBytes) * k;
      if (detail::word_in<uint32_t>(block) != event.hashes.first ||
          detail::word_in<uint32_t>(block + 4) != event.hashes.second || event.most > seat.writable)
        continue;
      found.event = &event;
      found.trace = this;
      found.head = k | slot << 12;
      found.control = Switch(reinterpret_cast<uint32_t*>(memory + detail::kHeadBytes) + k, block,
                             reinterpret_cast<uint32_t*>(rates) + static_cast<size_t>(kRateWords) * k);
      break;
    }
    return found;
  }

private:
  template <typename... Values> friend class Recorder;
  /** The longest record of a trace, in bytes. */
  static constexpr uint32_t kMostBytes = 4096;

  RingSeat seat = {};
  unsigned char* memory = nullptr;
  unsigned char* controls = nullptr;
  unsigned char* rates = nullptr;
  uint32_t switches = 0;
  uint32_t slot = 0;
  uint32_t pid = 0;
  alignas(8) unsigned char scratch[scratch_size(kMostBytes)];
};

template <typename... Values> bool Recorder<Values...>::operator()(Values... values) noexcept {
  if (trace == nullptr)
    return false;
  const uint32_t word = control.load();
  if (word == 0)
    return false;
  if (word != 1) {
    const auto value = [&](uint32_t position) noexcept {
      long double found = std::numeric_limits<long double>::quiet_NaN();
      uint32_t k = 0;
      ((k++ == position ? void(found = detail::comparable(values)) : void()), ...);
      return found;
    };
    if (!control.passes(word, value))
      return false;
  }
  unsigned char* at = detail::put(detail::put(trace->scratch, head), trace->pid);
  std::apply([&](const auto&... fields) { ((at = detail::put_field(at, fields, values)), ...); }, event->fields);
  return ring_write(trace->seat, static_cast<uint32_t>(at - trace->scratch)) == Status::ok;
}

} // namespace percpu::trace

#endif // RSEQ_PERCPU_TRACE_H
