/**
 * @file
 * A test harness: TEST defines a case, and CHECK tests a condition. After a failed check, the case continues. main()
 * runs every case and counts the failures.
 */
#ifndef RSEQ_TEST_HARNESS_H
#define RSEQ_TEST_HARNESS_H

#include <iostream>
#include <type_traits>
#include <vector>

namespace percpu::test {

struct Case {
  const char* name;
  void (*run)();
};

/** All cases, in the order of the linker. Filled before main(). */
inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

/** The state of the running case. */
struct State {
  bool failed = false;
  const char* skipped = nullptr;
};
inline State state;

struct Register {
  Register(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

/** Enumerations print as their number. */
template <typename Value> auto printable(const Value& value) {
  if constexpr (std::is_enum_v<Value>)
    return static_cast<std::underlying_type_t<Value>>(value);
  else
    return value;
}

template <typename Left, typename Right>
bool check_equal(const Left& seen, const Right& wanted, const char* text, const char* file, int line) {
  if (seen == wanted)
    return true;
  state.failed = true;
  std::cout << file << ':' << line << ": " << text << " is " << printable(seen) << ", not " << printable(wanted)
            << '\n';
  return false;
}

/** Marks the running case as skipped, with the reason why it proves nothing on this machine. Return after it. */
inline void skip(const char* reason) {
  state.skipped = reason;
}

} // namespace percpu::test

/** Defines a case: `TEST(name) { ... }`. */
#define TEST(name)                                                                                                     \
  static void name();                                                                                                  \
  static const percpu::test::Register register_##name(#name, name);                                                    \
  static void name()

/** Checks that both sides are equal. If they differ, prints the left value and is false. */
#define CHECK_EQUAL(seen, wanted) percpu::test::check_equal(seen, wanted, #seen, __FILE__, __LINE__)
#define CHECK(condition) CHECK_EQUAL(static_cast<bool>(condition), true)

#endif // RSEQ_TEST_HARNESS_H
