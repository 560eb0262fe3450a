#include "../../rseq/published_area.h"
#include "../../rseq/registered_area.h"
#include "../../rseq/registering.h"
#include "../../rseq/thread.h"
#include "place.h"

#include <cerrno>
#include <initializer_list>
#include <sys/syscall.h>
#include <unistd.h>

using namespace percpu;
using namespace percpu::test;

namespace {

/** Room for what newer kernels write, and their alignment. */
struct alignas(256) Room {
  Area area;
};

thread_local Room hidden = {};

constexpr uint32_t kOtherSignature = RSEQ_SIGNATURE + 1;
constexpr int kUnregister = 1;

bool ask(Area* area, uint32_t length, int flags, uint32_t signature) {
  return syscall(RSEQ_SYSCALL, area, length, flags, signature) == 0;
}

bool sections_run() {
  int64_t word = 0;
  return settled(Index::cpu_id, [&](const Here& here) { return load_add_store(here, &word, 1); }) == Outcome::done;
}

/** Whether the thread has no registration and no index that passes a bounds check. */
bool is_nowhere() {
  return !is_registered(current_area()) && here(Index::cpu_id).index >= UINT32_MAX - 1;
}

/** Whether threads are registered by nobody before attach(). */
bool threads_are_free() {
  return !detail::adopted_from_libc && registration().owner != Owner::none;
}

constexpr const char* kNotFree = "libc registers the areas, or the kernel refuses rseq";

} // namespace

// What another library would publish. NOLINTNEXTLINE(bugprone-reserved-identifier): libraries agreed on this name.
extern "C" __thread Room __rseq_abi;
__thread Room __rseq_abi = {{0, UINT32_MAX, 0, 0, 0, 0, 0}};

TEST(an_area_that_another_library_registered_and_publishes_is_adopted) {
  if (!threads_are_free())
    return skip(kNotFree);
  for (const uint32_t length : {kAreaLength, registering::full_length()}) {
    on_thread([length] {
      Area* area = &__rseq_abi.area;
      CHECK(ask(area, length, 0, RSEQ_SIGNATURE));
      CHECK_EQUAL(registration().owner, Owner::none);
      CHECK_EQUAL(attach().owner, Owner::library);
      CHECK_EQUAL(registration().owner, Owner::library);
      CHECK_EQUAL(registration().length, length);
      CHECK_EQUAL(registered_area().length, length);
      CHECK(current_area() == area);
      CHECK(sections_run());
      CHECK_EQUAL(attach().owner, Owner::library);
      detach();
      CHECK(sections_run());
      detach();
      CHECK_EQUAL(registration().owner, Owner::none);
      CHECK(is_nowhere());
      CHECK(is_registered(area)); // The other library still has it,
      CHECK(ask(area, length, kUnregister, RSEQ_SIGNATURE));
    });
  }
}

TEST(an_area_that_its_library_unregisters_runs_no_sections_and_is_replaced) {
  if (!threads_are_free())
    return skip(kNotFree);
  on_thread([] {
    Area* area = &__rseq_abi.area;
    CHECK(ask(area, kAreaLength, 0, RSEQ_SIGNATURE));
    CHECK_EQUAL(attach().owner, Owner::library);
    CHECK(ask(area, kAreaLength, kUnregister, RSEQ_SIGNATURE));
    CHECK_EQUAL(registration().owner, Owner::none);
    CHECK(is_nowhere());
    CHECK_EQUAL(attach().owner, Owner::self);
    CHECK(sections_run());
    detach();
    detach();
    CHECK_EQUAL(registration().owner, Owner::none);
  });
}

TEST(a_published_area_that_is_not_the_registered_one_is_left_alone) {
  if (!threads_are_free())
    return skip(kNotFree);
  on_thread([] { // Nobody registered it: asking must not register it either.
    CHECK(published_area().area == nullptr);
    CHECK_EQUAL(attach().owner, Owner::self);
    CHECK(current_area() != &__rseq_abi.area);
    CHECK(published_area().area == nullptr);
    detach();
  });
  on_thread([] { // Another signature: the kernel would end the process at the first abort.
    Area* area = &__rseq_abi.area;
    CHECK(ask(area, kAreaLength, 0, kOtherSignature));
    CHECK_EQUAL(attach().owner, Owner::none);
    CHECK(is_nowhere());
    CHECK(ask(area, kAreaLength, kUnregister, kOtherSignature));
  });
  on_thread([] { // Another area, while the published one looks as if it were registered.
    __rseq_abi.area.cpu_id = __rseq_abi.area.cpu_id_start = 0;
    CHECK(ask(&hidden.area, kAreaLength, 0, RSEQ_SIGNATURE));
    CHECK_EQUAL(attach().owner, Owner::none);
    CHECK_EQUAL(registration().error, EINVAL);
    CHECK(is_nowhere());
    CHECK(ask(&hidden.area, kAreaLength, kUnregister, RSEQ_SIGNATURE));
  });
}

TEST(the_kernel_confirms_only_the_area_that_is_registered_and_changes_nothing) {
  if (!threads_are_free())
    return skip(kNotFree);
  on_thread([] {
    CHECK(!registering::is_registered(&hidden.area, kAreaLength));
    CHECK(ask(&hidden.area, kAreaLength, 0, RSEQ_SIGNATURE));
    for (int i = 0; i < 3; i++)
      CHECK(registering::is_registered(&hidden.area, kAreaLength));
    CHECK(!registering::is_registered(&hidden.area, kAreaLength + 32));
    CHECK(!registering::is_registered(&__rseq_abi.area, kAreaLength));
    CHECK(!registering::is_registered(nullptr, kAreaLength));
    CHECK(is_registered(&hidden.area));
    CHECK(ask(&hidden.area, kAreaLength, kUnregister, RSEQ_SIGNATURE));
  });
}

TEST(an_own_area_has_the_length_that_the_kernel_wants) {
  if (!threads_are_free())
    return skip(kNotFree);
  on_thread([] {
    const Registration mine = attach();
    CHECK_EQUAL(mine.length, registering::full_length());
    CHECK(reinterpret_cast<uintptr_t>(current_area()) % registering::alignment() == 0);
    const RegisteredArea seen = registered_area();
    CHECK_EQUAL(seen.length, mine.length);
    CHECK(seen.mode == Mode::legacy || seen.length > kAreaLength);
    detach();
    CHECK_EQUAL(registered_area().mode, Mode::none);
  });
}
