#include "../../rseq/verify.h"
#include "place.h"

using namespace rseq;
using namespace rseq::test;

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
