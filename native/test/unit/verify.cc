#include "../../rseq/verify.h"
#include "place.h"

using namespace percpu;
using namespace percpu::test;

TEST(this_machine_keeps_the_kernels_promise) {
  if (!is_registered(current_area()))
    return skip("this thread is not registered for rseq");
  const Verification seen = verify();
  if (!CHECK(passed(seen)))
    std::cout << "  error " << static_cast<uint32_t>(seen.error) << " errno " << seen.system_error << ", signals "
              << seen.signals << " aborted " << seen.signal_aborts << ", preemption " << seen.preemption_tries
              << " aborted " << seen.preemption_aborts << ", additions " << seen.expected << " total " << seen.counted
              << '\n';
}

TEST(what_breaks_the_promise_does_not_pass) {
  constexpr Verification kGood = {VerifyError::none, 0, 0, 8, 8, 10, 6, 20'000, 20'000, 3, 20'000, 19'000};
  const auto passes_with = [kGood](auto change) {
    Verification seen = kGood;
    change(seen);
    return passed(seen);
  };
  CHECK(passed(kGood));
  CHECK(!passes_with([](Verification& seen) { seen.error = VerifyError::no_pin; }));
  CHECK(!passes_with([](Verification& seen) { seen.signals = seen.signal_aborts = 0; }));
  CHECK(!passes_with([](Verification& seen) { seen.signal_aborts = 7; }));
  CHECK(!passes_with([](Verification& seen) { seen.preemption_aborts = 0; }));
  CHECK(!passes_with([](Verification& seen) { seen.counted--; }));
  CHECK(!passes_with([](Verification& seen) { seen.expected = seen.counted = 0; }));
}

TEST(there_is_nothing_to_verify_on_a_thread_without_rseq) {
  const bool refused = on_refused_thread([] {
    const Verification seen = verify();
    CHECK_EQUAL(seen.error, VerifyError::not_registered);
    CHECK(!passed(seen));
  });
  if (!refused)
    skip(kCannotRefuse);
}

TEST(only_doubtful_kernels_need_a_self_test) {
  for (const char* release : {"4.18.0", "4.19.300-generic", "5.0", "6.1.0-44-arm64", "6.2", "6.9.12", "6.18", "6.18.9",
                              "6.18-rc7", "6.18.44+"})
    CHECK(!needs_self_test("aarch64", release));
  for (const char* release : {"6.19",
                              "6.19-rc1",
                              "6.19.0",
                              "6.20.1",
                              "6.100",
                              "7.0.3+",
                              "7.1.0-rc2-arm64",
                              "10.1",
                              "999.999", // Versions that are still to come.
                              "4.17.19",
                              "3.10",
                              "2.6.79", // Older than sections: a personality, UNAME26, makes it up.
                              "",
                              "linux",
                              "6",
                              "6.",
                              "6.x",
                              ".18",
                              "-6.18",
                              " 6.18",
                              "6,18",
                              "99999999999999999999.1",
                              "6.99999999999999999999"})
    CHECK(needs_self_test("aarch64", release));
  CHECK(needs_self_test("armv8l", "6.19.3")); // A 64-bit process with a 32-bit personality.
  for (const char* machine : {"x86_64", "i686", "ppc64le", ""})
    CHECK(!needs_self_test(machine, "6.19.3"));
}

TEST(a_self_test_is_remembered_and_can_be_repeated) {
  if (!is_registered(current_area()))
    return skip("this thread is not registered for rseq");
  const Verification first = verify();
  CHECK_EQUAL(verify(false).aborts, first.aborts);
  CHECK_EQUAL(verify(false).control_counted, first.control_counted);
  CHECK(passed(verify(false)));
}
