/**
 * @file
 * Services and their processes, for tests.
 */
#ifndef RSEQ_TEST_PROCESSES_H
#define RSEQ_TEST_PROCESSES_H

#include "../../percpu/region.h"
#include "../../percpu/service.h"
#include "harness.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace percpu::test {

constexpr off_t kLastTaken = 16;

/** A new file in a directory, which has no name any more. The caller closes it. */
inline int nameless_file(const std::string& directory) {
  std::string path = directory + "/rseq-file-XXXXXX";
  const int file = mkstemp(path.data());
  CHECK(file >= 0);
  unlink(path.c_str());
  return file;
}

/** The `processes` file of a new service. A process that has joined it stays a member after the file is gone. */
class Processes {
public:
  explicit Processes(const std::string& directory = "/tmp") : path(directory + "/rseq-processes-XXXXXX") {
    file = mkstemp(path.data());
    CHECK(file >= 0);
    CHECK_EQUAL(ftruncate(file, off_t{kProcessSlots + 1} * kProcessSlotBytes), 0);
  }
  ~Processes() {
    close(file);
    unlink(path.c_str());
  }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  int32_t join() const { return join_service(file, path.c_str(), "a test"); }
  uint32_t joined() const {
    const int32_t service = join();
    CHECK(service > 0);
    return static_cast<uint32_t>(service);
  }
  /** The next process to join takes the slot after this one. */
  void set_last_taken(uint32_t slot) const {
    CHECK_EQUAL(pwrite(file, &slot, sizeof(slot), kLastTaken), ssize_t{sizeof(slot)});
  }

  std::string path;
  int file = -1;
};

/** Memory of a service: a file of its own, mapped. Forked children see it. */
class MappedFile {
public:
  MappedFile(uint32_t service, size_t bytes, const std::string& directory = "/tmp")
      : size(bytes), file(nameless_file(directory)) {
    CHECK_EQUAL(ftruncate(file, static_cast<off_t>(size)), 0);
    memory = map_shared(file, size, service, id);
    CHECK(memory != nullptr);
  }
  ~MappedFile() {
    unmap_shared(id);
    close(file);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const size_t size;
  const int file;
  void* memory = nullptr;

private:
  uint64_t id = 0;
};

/** A region in a file of its own. */
class SharedRegion {
public:
  SharedRegion(uint32_t service, const RegionSpec& spec) : mapped(service, static_cast<size_t>(region_size(spec))) {
    CHECK_EQUAL(format_region(mapped.memory, mapped.size, spec), RegionError::none);
    CHECK_EQUAL(open_region(mapped.memory, mapped.size, spec.kind, region), RegionError::none);
  }

  Region region = {};

private:
  MappedFile mapped;
};

/** A forked child, which writes one number to its parent and lives until it is killed. */
class Child {
public:
  template <typename Body> explicit Child(Body body) {
    int ends[2];
    CHECK_EQUAL(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
      const uint64_t made = body();
      _exit(write(ends[1], &made, sizeof(made)) == ssize_t{sizeof(made)} ? pause_for_ever() : 1);
    }
    close(ends[1]);
    CHECK_EQUAL(read(ends[0], &answer, sizeof(answer)), ssize_t{sizeof(answer)});
    close(ends[0]);
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void end() {
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    pid = 0;
  }

  uint64_t answer = 0;
  pid_t pid;

private:
  static int pause_for_ever() {
    for (;;)
      pause();
  }
};

} // namespace percpu::test

#endif // RSEQ_TEST_PROCESSES_H
