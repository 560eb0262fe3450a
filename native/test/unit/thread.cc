#include "../../rseq/thread.h"
#include "place.h"

#include <cerrno>

using namespace percpu;
using namespace percpu::test;

namespace {

/** Returns whether sections of the calling thread run. */
bool sections_run() {
  int64_t word = 0;
  return settled(Index::cpu_id, [&](const Here& here) { return load_add_store(here, &word, 1); }) == Outcome::done;
}

/** Checks that the thread is not registered and has no index that passes a bounds check. */
void check_is_nowhere() {
  CHECK(!is_registered(current_area()));
  CHECK(here(Index::cpu_id).index >= UINT32_MAX - 1);
  CHECK(here(Index::mm_cid).index >= UINT32_MAX - 1);
}

} // namespace

TEST(the_main_thread_has_an_area) {
  const Registration now = registration();
  if (now.owner == Owner::none)
    return skip("the kernel refuses rseq");
  CHECK(now.usable_size >= kOriginalFeatureSize);
  CHECK_EQUAL(now.error, 0);
  CHECK(is_registered(current_area()));
  CHECK(sections_run());
}

TEST(a_kernel_that_failed_its_self_test_runs_no_sections) {
  CHECK(self_test() != SelfTest::pending || registration().owner == Owner::none);
  if (self_test() != SelfTest::failed)
    return skip("this kernel has not failed the self-test");
  on_thread([] {
    CHECK_EQUAL(attach().owner, Owner::none);
    CHECK_EQUAL(registration().error, ENOTSUP);
    CHECK(!has_libc_areas());
    check_is_nowhere();
    detach();
  });
}

TEST(libcs_area_is_adopted_and_never_unregistered) {
  if (!detail::adopted_from_libc)
    return skip("libc registers no area");
  on_thread([] {
    CHECK_EQUAL(registration().owner, Owner::libc);
    CHECK_EQUAL(attach().owner, Owner::libc);
    detach();
    CHECK_EQUAL(registration().owner, Owner::libc);
    CHECK(sections_run());
  });
}

TEST(without_libc_a_thread_registers_an_area_of_its_own) {
  if (detail::adopted_from_libc)
    return skip("libc registers the areas; GLIBC_TUNABLES=glibc.pthread.rseq=0 stops it");
  if (registration().owner == Owner::none)
    return skip("the kernel refuses rseq");
  on_thread([] {
    CHECK_EQUAL(registration().owner, Owner::none);
    check_is_nowhere();
    const Registration own = attach();
    CHECK_EQUAL(own.owner, Owner::self);
    CHECK(own.usable_size >= kOriginalFeatureSize && own.usable_size <= own.length);
    CHECK_EQUAL(own.error, 0);
    CHECK(is_registered(current_area()));
    CHECK(sections_run());
    detach();
    CHECK_EQUAL(registration().owner, Owner::none);
    check_is_nowhere();
  });
}

TEST(the_last_detach_of_a_thread_unregisters) {
  if (detail::adopted_from_libc || registration().owner == Owner::none)
    return skip("this thread did not register itself");
  on_thread([] {
    attach();
    const Area* area = current_area();
    CHECK_EQUAL(attach().owner, Owner::self);
    CHECK(current_area() == area);
    detach();
    CHECK_EQUAL(registration().owner, Owner::self);
    CHECK(sections_run());
    detach();
    CHECK_EQUAL(registration().owner, Owner::none);
    detach();                                 // A surplus detach does nothing,
    CHECK_EQUAL(attach().owner, Owner::self); // and a thread may begin again.
    CHECK(sections_run());
    detach();
    check_is_nowhere();
  });
}

TEST(every_thread_has_its_own_area) {
  const Area* const main_area = current_area();
  on_thread([main_area] {
    const Registration own = attach();
    if (own.owner != Owner::none)
      CHECK(current_area() != main_area);
    detach();
  });
}

TEST(a_refused_registration_says_why) {
  const bool refused = on_refused_thread([] {
    const Registration none = attach();
    CHECK_EQUAL(none.owner, Owner::none);
    CHECK_EQUAL(none.usable_size, 0u);
    const int why = self_test() == SelfTest::failed ? ENOTSUP : EPERM;
    CHECK_EQUAL(none.error, why);
    CHECK_EQUAL(registration().error, why);
    check_is_nowhere();
    detach();
  });
  if (!refused)
    skip(kCannotRefuse);
}
