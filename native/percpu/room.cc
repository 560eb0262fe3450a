#include "room.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace percpu {
namespace rooms {

constexpr size_t kLongestPath = 4096;
/** More than a cgroup's memory.stat has. */
constexpr size_t kLongestText = 16384;

/** Reads a small file as a text that ends with a 0. False if it cannot be read. */
bool read_text(const char* path, char (&text)[kLongestText]) noexcept {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  size_t length = 0;
  ssize_t count = 1;
  while (count > 0 && length + 1 < kLongestText) {
    count = read(file, text + length, kLongestText - 1 - length);
    length += count > 0 ? static_cast<size_t>(count) : 0;
  }
  close(file);
  text[length] = 0;
  return length != 0;
}

bool read_text_in(const char* directory, const char* name, char (&text)[kLongestText]) noexcept {
  char path[kLongestPath];
  const int length = snprintf(path, sizeof(path), "%s/%s", directory, name);
  return length > 0 && static_cast<size_t>(length) < sizeof(path) && read_text(path, text);
}

/** The number behind `name` and a space at the beginning of a line; 0 if there is no such line. */
uint64_t number_of(const char* text, const char* name) noexcept {
  const size_t length = strlen(name);
  for (const char* line = text; line != nullptr && *line != 0;) {
    if (strncmp(line, name, length) == 0 && line[length] == ' ')
      return strtoull(line + length + 1, nullptr, 10);
    line = strchr(line, '\n');
    line = line == nullptr ? nullptr : line + 1;
  }
  return 0;
}

/** The room of one cgroup. Files that the kernel drops before the cgroup is full count as room; those on tmpfs do not.
 */
uint64_t room_of_cgroup(const char* directory) noexcept {
  char text[kLongestText];
  if (!read_text_in(directory, "memory.max", text) || text[0] < '0' || text[0] > '9')
    return kNoLimit;
  const uint64_t most = strtoull(text, nullptr, 10);
  if (!read_text_in(directory, "memory.current", text))
    return kNoLimit;
  const uint64_t used = strtoull(text, nullptr, 10);
  uint64_t droppable = 0;
  if (read_text_in(directory, "memory.stat", text))
    droppable = number_of(text, "inactive_file") + number_of(text, "active_file");
  const uint64_t kept = used > droppable ? used - droppable : 0;
  return most > kept ? most - kept : 0;
}

} // namespace rooms

uint64_t file_system_room(int file) noexcept {
  struct statfs seen;
  if (file < 0 || fstatfs(file, &seen) != 0 || seen.f_blocks == 0)
    return kNoLimit;
  return static_cast<uint64_t>(seen.f_bavail) * static_cast<uint64_t>(seen.f_bsize);
}

uint64_t cgroup_room(const char* cgroups, const char* own) noexcept {
  using namespace rooms;
  char text[kLongestText];
  if (!read_text(own, text))
    return kNoLimit;
  const char* line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
  if (line == nullptr)
    return kNoLimit;
  line += *line == '\n' ? 4 : 3;
  char path[kLongestPath];
  const int length = snprintf(path, sizeof(path), "%s%.*s", cgroups, static_cast<int>(strcspn(line, "\n")), line);
  if (length <= 0 || static_cast<size_t>(length) >= sizeof(path))
    return kNoLimit;
  // From the process's own cgroup up to the root.
  uint64_t room = kNoLimit;
  for (const size_t root = strlen(cgroups);;) {
    const uint64_t here = room_of_cgroup(path);
    room = here < room ? here : room;
    char* const slash = strrchr(path, '/');
    if (slash == nullptr || static_cast<size_t>(slash - path) < root)
      return room;
    *slash = 0;
  }
}

} // namespace percpu
