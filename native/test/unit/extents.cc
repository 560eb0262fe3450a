#include "../../percpu/extents.h"
#include "../../percpu/array.h"
#include "../../percpu/counter.h"
#include "../../percpu/ring.h"
#include "../../percpu/room.h"
#include "../../percpu/service.h"
#include "../../percpu/stack.h"
#include "../../rseq/cpus.h"
#include "place.h"
#include "processes.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr uint32_t kCpus = 512;
constexpr uint32_t kSeen = 16;

/** A region in a file, opened as often as a test asks for it. */
class SharedFile : public MappedFile {
public:
  SharedFile(uint32_t service, const RegionSpec& what, const std::string& directory = "/dev/shm")
      : MappedFile(service, static_cast<size_t>(region_size(what)), directory), spec(what),
        made(format_region(memory, size, what)) {}

  RegionError open(Region& region) const { return open_region(memory, size, spec.kind, region); }
  Region opened() const {
    Region region = {};
    CHECK_EQUAL(made, RegionError::none);
    CHECK_EQUAL(open(region), RegionError::none);
    return region;
  }
  uint64_t allocated() const {
    struct stat seen;
    CHECK_EQUAL(fstat(file, &seen), 0);
    return static_cast<uint64_t>(seen.st_blocks) * 512;
  }
  uint32_t& header_word() const { return static_cast<Header*>(memory)->allocated; }

  const RegionSpec spec;
  const RegionError made;
};

RegionSpec spec_of(Kind kind, uint32_t length, Element element = Element::i64) {
  return {kind,
          element,
          Index::cpu_id,
          Writers::sections,
          kCpus,
          length,
          kind == Kind::ring ? Policy::discard : Policy::none};
}
/** Counters of two pages in each shard. */
RegionSpec counters(Element element = Element::i64) {
  return spec_of(Kind::counters, 1024, element);
}

/** Whether the file has memory for no more shards than those of this machine's CPUs, and some. */
bool is_small(const SharedFile& file, const Region& region) {
  return file.allocated() < uint64_t{16 + possible_cpus()} * region.stride;
}

int64_t sum_of(const Region& region, uint32_t i) {
  int64_t sum = 0;
  CHECK_EQUAL(counter_sum(region, i, sum), Status::ok);
  return sum;
}

/** Runs `body` in a child that has a tmpfs of its own of so many bytes. Skips if this machine does not allow that. */
void in_small_tmpfs(uint32_t bytes, const std::function<void(const std::string&)>& body) {
  std::string directory = "/tmp/rseq-tmpfs-XXXXXX";
  CHECK(mkdtemp(directory.data()) != nullptr);
  constexpr int kNotAllowed = 77;
  const pid_t child = fork();
  if (child == 0) {
    const std::string options = "size=" + std::to_string(bytes);
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", directory.c_str(), "tmpfs", 0, options.c_str()) != 0)
      _exit(kNotAllowed);
    body(directory);
    _exit(state.failed ? 1 : 0);
  }
  int status = 0;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  rmdir(directory.c_str());
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kNotAllowed);
  if (WEXITSTATUS(status) == kNotAllowed)
    skip("no file system can be mounted here");
}

/** Takes all room of a file system. Returns the file that has it. */
int fill(const std::string& directory) {
  const int file = nameless_file(directory);
  off_t size = 0;
  while (posix_fallocate(file, size, 4096) == 0)
    size += 4096;
  return file;
}

} // namespace

TEST(shards_are_allocated_when_a_cpu_is_first_seen) {
  if (!can_allocate_later())
    return;
  const uint32_t service = Processes("/dev/shm").joined();
  const SharedFile file(service, counters());
  const Region region = file.opened();
  CHECK(is_small(file, region));
  CHECK_EQUAL(region.section_shards, 0u);
  CHECK_EQUAL(file.header_word(), 1u);
  for (uint32_t k = 0; k < 100; k++)
    CHECK_EQUAL(counter_add(region, 3, int64_t{2}), Status::ok);
  CHECK_EQUAL(sum_of(region, 3), int64_t{200});
  CHECK(is_small(file, region));
  if (registration().owner == Owner::none)
    return;
  CHECK(region.section_shards != 0 && region.section_shards < kCpus);
  CHECK_EQUAL(file.header_word(), region.section_shards);
  CHECK_EQUAL(*word_at<int64_t>(region, region.shards, 3), int64_t{0});
}

TEST(handles_and_processes_with_different_bounds_see_all_shards) {
  if (!can_allocate_later())
    return;
  const uint32_t service = Processes("/dev/shm").joined();
  const SharedFile file(service, counters());
  const Region reader = file.opened();
  CHECK_EQUAL(sum_of(reader, 0), int64_t{0});
  const uint32_t before = reader.section_shards;
  const pid_t child = fork();
  if (child == 0) {
    const Region writer = file.opened();
    if (!grow_to(writer, kSeen - 1) || writer.section_shards < kSeen)
      _exit(1);
    *word_at<int64_t>(writer, kSeen - 1, 0) = 5;
    _exit(0);
  }
  int status = 0;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK_EQUAL(status, 0);
  CHECK_EQUAL(reader.section_shards, before);
  CHECK(file.header_word() >= kSeen);
  CHECK_EQUAL(sum_of(reader, 0), int64_t{5});
  int64_t held = 0;
  CHECK_EQUAL(counter_set(reader, 0, int64_t{1}, held), Status::ok);
  CHECK_EQUAL(held, int64_t{5});
  CHECK_EQUAL(sum_of(file.opened(), 0), int64_t{1});
}

TEST(a_set_of_doubles_includes_shards_that_others_have_allocated) {
  if (!can_allocate_later())
    return;
  const uint32_t service = Processes("/dev/shm").joined();
  const SharedFile file(service, counters(Element::f64));
  const Region setter = file.opened(), writer = file.opened();
  CHECK(grow_to(writer, kSeen - 1));
  *word_at<double>(writer, kSeen - 1, 7) = 2.5;
  double held = 0;
  CHECK_EQUAL(counter_set(setter, 7, 1.0, held), Status::ok);
  CHECK_EQUAL(held, 2.5);
  double sum = 0;
  CHECK_EQUAL(counter_sum(writer, 7, sum), Status::ok);
  CHECK_EQUAL(sum, 1.0);
}

TEST(shards_that_are_not_allocated_are_empty) {
  if (!can_allocate_later())
    return;
  const uint32_t service = Processes("/dev/shm").joined();
  constexpr uint32_t kFar = kCpus - 1;
  {
    const SharedFile file(service, spec_of(Kind::array, 1025));
    const Region region = file.opened();
    int64_t word = 1;
    CHECK_EQUAL(array_get(region, kFar, 3, word), Status::ok);
    CHECK_EQUAL(word, int64_t{0});
    CHECK_EQUAL(array_resume(region, kFar), Status::not_owner);
    CHECK_EQUAL(array_act_on(region, kFar, 3, {Act::add, 1, 0}, word), Status::not_owner);
    ActAnswer answer = {};
    CHECK_EQUAL(array_act(region, 3, {Act::add, 4, 0}, answer), Status::ok);
    CHECK_EQUAL(array_get(region, answer.shard, 3, word), Status::ok);
    CHECK_EQUAL(word, int64_t{4});
    CHECK(is_small(file, region));
  }
  {
    const SharedFile file(service, spec_of(Kind::stack, 1026, Element::f64));
    const Region region = file.opened();
    uint32_t size = 1;
    CHECK_EQUAL(stack_size(region, kFar, size), Status::ok);
    CHECK_EQUAL(size, 0u);
    CHECK_EQUAL(stack_resume(region, kFar), Status::not_owner);
    double value = 0;
    CHECK_EQUAL(stack_pop(region, value), Status::empty);
    CHECK_EQUAL(stack_push(region, 8), Status::ok);
    CHECK_EQUAL(stack_pop(region, value), Status::ok);
    CHECK_EQUAL(value, 8.0);
    CHECK(is_small(file, region));
  }
  {
    const SharedFile file(service, spec_of(Kind::ring, kRingHead + 8192 / 8));
    const Region region = file.opened();
    alignas(8) unsigned char scratch[128] = {}, into[4096];
    RingSeat seat;
    CHECK_EQUAL(ring_open(region, scratch, sizeof(scratch), seat), RegionError::none);
    uint32_t bytes = 1;
    CHECK_EQUAL(ring_unread(seat, kFar, bytes), Status::ok);
    CHECK_EQUAL(bytes, 0u);
    CHECK_EQUAL(ring_dropped(seat, kFar), uint64_t{0});
    CHECK_EQUAL(ring_write(seat, 8), Status::ok);
    CHECK_EQUAL(ring_write(seat, 8), Status::ok);
    CHECK(seat.direct_shards == 0 || seat.direct_shards == seat.region.section_shards);
    CHECK_EQUAL(ring_claim(seat), Status::ok);
    CHECK_EQUAL(ring_read(seat, kFar, into, sizeof(into), bytes), Status::ok);
    CHECK_EQUAL(bytes, 0u);
    uint32_t all = 0;
    for (uint32_t shard = 0; shard <= kCpus; shard++) {
      CHECK_EQUAL(ring_read(seat, shard, into, sizeof(into), bytes), Status::ok);
      all += bytes;
    }
    CHECK_EQUAL(all, 2 * (kReadFrame + 8));
    CHECK_EQUAL(ring_release(seat), Status::ok);
    CHECK(is_small(file, region));
  }
}

TEST(a_header_that_was_overwritten_is_an_error_or_harmless) {
  if (!can_allocate_later())
    return;
  const uint32_t service = Processes("/dev/shm").joined();
  const SharedFile file(service, counters());
  const Region region = file.opened();
  CHECK_EQUAL(counter_add(region, 0, int64_t{1}), Status::ok);
  CHECK_EQUAL(sum_of(region, 0), int64_t{1});
  const uint32_t known = region.section_shards;
  for (const uint32_t word : {kCpus + 1, uint32_t{kMaxShards}, UINT32_MAX, 1u << 31}) {
    file.header_word() = word;
    Region again = {};
    CHECK_EQUAL(file.open(again), RegionError::field);
    int64_t sum = 0;
    CHECK_EQUAL(counter_sum(region, 0, sum), Status::corrupt);
    CHECK_EQUAL(counter_set(region, 0, int64_t{3}, sum), Status::corrupt);
    CHECK_EQUAL(counter_add(region, 0, int64_t{0}), Status::ok);
  }
  CHECK_EQUAL(region.section_shards, known);
  // Too small a number hides nothing that this process knows; 0 means all.
  for (const uint32_t word : {1u, kSeen, 0u, kCpus}) {
    file.header_word() = word;
    CHECK_EQUAL(sum_of(region, 0), int64_t{1});
    CHECK(region.section_shards >= known);
  }
}

TEST(ten_labelled_histograms_with_16_of_512_cpus_seen_take_at_most_32_MiB) {
  if (!can_allocate_later())
    return;
  const uint32_t service = Processes("/dev/shm").joined();
  // rseq/metrics: 1,001 series of 15 whole numbers (the counts of buckets), and as many sums of doubles.
  constexpr uint32_t kSeries = 1001, kBuckets = 15, kHistograms = 10;
  uint64_t allocated = 0, size = 0;
  for (uint32_t k = 0; k < kHistograms; k++) {
    for (const RegionSpec& spec :
         {spec_of(Kind::counters, kSeries * kBuckets), spec_of(Kind::counters, kSeries, Element::f64)}) {
      const SharedFile file(service, spec);
      const Region region = file.opened();
      CHECK(grow_to(region, kSeen - 1));
      allocated += file.allocated();
      size += file.size;
    }
  }
  CHECK(size > uint64_t{512} << 20);
  CHECK(allocated <= uint64_t{32} << 20);
}

TEST(a_full_file_system_is_no_signal_and_loses_nothing) {
  if (!can_allocate_later())
    return;
  in_small_tmpfs(2 << 20, [](const std::string& directory) {
    const uint32_t service = Processes(directory).joined();
    const SharedFile file(service, counters(), directory);
    const Region region = file.opened();
    const int filler = fill(directory);
    CHECK(!grow_to(region, kSeen - 1));
    CHECK(region.section_shards < kSeen);
    CHECK_EQUAL(counter_add(region, 0, int64_t{7}), Status::ok);
    CHECK_EQUAL(sum_of(region, 0), int64_t{7});
    const int another = nameless_file(directory);
    CHECK_EQUAL(ftruncate(another, 4096), 0);
    uint64_t id = 0;
    CHECK(map_shared(another, 4096, service, id) == nullptr);
    CHECK_EQUAL(errno, ENOSPC);
    close(filler);
    // Growth is tried again when some time has gone by.
    for (uint32_t tries = 0; tries < 10000 && !grow_to(region, kSeen - 1); tries++)
      usleep(1000);
    CHECK(region.section_shards >= kSeen);
    CHECK_EQUAL(sum_of(region, 0), int64_t{7});
  });
}

TEST(a_hole_in_a_full_file_system_is_an_error_and_no_signal) {
  if (!can_allocate_later())
    return;
  in_small_tmpfs(2 << 20, [](const std::string& directory) {
    const uint32_t service = Processes(directory).joined();
    const SharedFile file(service, counters(), directory);
    const Region region = file.opened();
    CHECK(grow_to(region, kSeen - 1));
    // Somebody makes a hole, and another one takes its memory.
    const off_t hole = static_cast<off_t>(region.stride) * 8;
    CHECK_EQUAL(fallocate(file.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, hole, int64_t{4} * region.stride), 0);
    const int filler = fill(directory);
    const Region reader = file.opened();
    int64_t sum = 0;
    CHECK_EQUAL(counter_sum(reader, 0, sum), Status::no_room);
    CHECK_EQUAL(counter_set(reader, 0, int64_t{1}, sum), Status::no_room);
    CHECK_EQUAL(fallocate(file.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
    close(filler);
    const int full = fill(directory);
    uint64_t id = 0;
    CHECK(map_shared(file.file, file.size, service, id) == nullptr);
    CHECK_EQUAL(errno, ENOSPC);
    Region again = {};
    CHECK_EQUAL(file.open(again), RegionError::no_room);
    close(full);
  });
}

TEST(the_room_of_a_cgroup_is_that_of_the_narrowest_one) {
  std::string root = "/tmp/rseq-cgroups-XXXXXX";
  CHECK(mkdtemp(root.data()) != nullptr);
  const auto write_to = [&](const std::string& name, const std::string& text) {
    FILE* file = fopen((root + name).c_str(), "w");
    CHECK(file != nullptr);
    fputs(text.c_str(), file);
    fclose(file);
  };
  CHECK_EQUAL(mkdir((root + "/a").c_str(), 0700), 0);
  CHECK_EQUAL(mkdir((root + "/a/b").c_str(), 0700), 0);
  const std::string own = root + "/own";
  const auto room = [&] { return cgroup_room(root.c_str(), own.c_str()); };
  CHECK_EQUAL(room(), kNoLimit);
  write_to("/own", "1:name=old:/x\n0::/a/b\n");
  CHECK_EQUAL(room(), kNoLimit);
  write_to("/a/b/memory.max", "max\n");
  write_to("/a/b/memory.current", "5000\n");
  CHECK_EQUAL(room(), kNoLimit);
  write_to("/a/memory.max", "10000\n");
  write_to("/a/memory.current", "9000\n");
  CHECK_EQUAL(room(), uint64_t{1000});
  write_to("/a/memory.stat", "anon 5\ninactive_file 300\nactive_file 40\nshmem 900\n");
  CHECK_EQUAL(room(), uint64_t{1340});
  write_to("/a/b/memory.max", "5100\n");
  CHECK_EQUAL(room(), uint64_t{100});
  write_to("/a/b/memory.current", "6000\n");
  CHECK_EQUAL(room(), uint64_t{0});
  CHECK_EQUAL(system(("rm -r " + root).c_str()), 0);
}
