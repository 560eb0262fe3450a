/**
 * Native code must use the value that it has checked: it reads each field of shared memory exactly once. Every access
 * to a page that is closed raises SIGSEGV; its handler notes the place, opens the page for one single-stepped
 * instruction, and the trap closes it again. x86-64 only: user programs cannot single-step themselves elsewhere.
 */
#include "../../percpu/opv.h"
#include "harness.h"

#if defined(__x86_64__)
#include <csignal>
#include <cstring>
#include <functional>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr greg_t kTrapFlag = 1u << 8;

unsigned char* page = nullptr;
size_t page_size = 0;
std::vector<size_t>* offsets = nullptr;

greg_t& flags_of(void* context) {
  return static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
}

void on_access(int, siginfo_t* info, void* context) {
  const size_t offset = static_cast<size_t>(static_cast<unsigned char*>(info->si_addr) - page);
  if (offset >= page_size)
    _exit(139); // The access was not to the page, so this is a crash.
  offsets->push_back(offset);
  mprotect(page, page_size, PROT_READ | PROT_WRITE);
  flags_of(context) |= kTrapFlag;
}

void on_step(int, siginfo_t*, void* context) {
  mprotect(page, page_size, PROT_NONE);
  flags_of(context) &= ~kTrapFlag;
}

/** Returns the byte offsets at which `act` accesses the page that `prepare` fills, in the order of time. */
std::vector<size_t> accesses(const std::function<void(unsigned char*)>& prepare,
                             const std::function<void(unsigned char*)>& act) {
  std::vector<size_t> seen;
  seen.reserve(256); // Reserves the memory, because a handler must not allocate.
  page_size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const memory = mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!CHECK(memory != MAP_FAILED))
    return seen;
  page = static_cast<unsigned char*>(memory);
  offsets = &seen;
  prepare(page);
  struct sigaction access = {}, step = {}, access_before, step_before;
  access.sa_sigaction = on_access;
  step.sa_sigaction = on_step;
  access.sa_flags = step.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &access, &access_before);
  sigaction(SIGTRAP, &step, &step_before);
  mprotect(page, page_size, PROT_NONE);
  act(page);
  mprotect(page, page_size, PROT_READ | PROT_WRITE);
  sigaction(SIGSEGV, &access_before, nullptr);
  sigaction(SIGTRAP, &step_before, nullptr);
  munmap(memory, page_size);
  return seen;
}

/** Every 4 bytes of a header. */
std::vector<size_t> header_fields() {
  std::vector<size_t> fields;
  for (size_t offset = 0; offset < sizeof(Header); offset += sizeof(uint32_t))
    fields.push_back(offset);
  return fields;
}

constexpr RegionSpec kSpec = {Kind::array, Element::i64, Index::cpu_id, Writers::atomics, 1, kArrayHead + 4};

} // namespace

TEST(control_a_field_that_is_read_twice_is_noticed) {
  Header header = {};
  const std::vector<size_t> seen = accesses([](unsigned char*) {},
                                            [&](unsigned char* memory) {
                                              const auto* first = reinterpret_cast<volatile uint32_t*>(memory);
                                              header.magic = first[0];
                                              header.kind = first[2];
                                              header.magic = first[0];
                                            });
  CHECK(seen == (std::vector<size_t>{0, 8, 0}));
}

TEST(each_field_of_a_header_is_read_once_and_written_once) {
  const auto format = [](unsigned char* memory) {
    CHECK_EQUAL(format_region(memory, page_size, kSpec), RegionError::none);
  };
  const auto open = [](unsigned char* memory) {
    Region region;
    CHECK_EQUAL(open_region(memory, page_size, kSpec.kind, region), RegionError::none);
  };
  CHECK(accesses(format, open) == header_fields());
  CHECK(accesses([](unsigned char*) {}, format) == header_fields());
}

TEST(each_field_of_an_operation_is_read_once) {
  alignas(kShardAlignment) static unsigned char memory[1024];
  Region region;
  CHECK_EQUAL(format_region(memory, sizeof(memory), kSpec), RegionError::none);
  CHECK_EQUAL(open_region(memory, sizeof(memory), kSpec.kind, region), RegionError::none);
  constexpr OpvOperation kOperations[] = {{static_cast<uint32_t>(OpvKind::store), 1, 0, 0, 7},
                                          {static_cast<uint32_t>(OpvKind::copy), 2, 1, 0, 0}};
  const auto prepare = [&](unsigned char* shared) { memcpy(shared, kOperations, sizeof(kOperations)); };
  const auto run = [&](unsigned char* shared) {
    uint32_t position = 0;
    const auto* operations = reinterpret_cast<const OpvOperation*>(shared);
    CHECK_EQUAL(cpu_opv(region, 0, operations, 2, position), Status::ok);
    CHECK_EQUAL(position, kOpvDone);
  };
  CHECK(accesses(prepare, run) == (std::vector<size_t>{0, 4, 8, 16, 24, 28, 32, 40}));
  int64_t value = 0;
  CHECK_EQUAL(array_get(region, 0, 2, value), Status::ok);
  CHECK_EQUAL(value, 7);
}
#endif
