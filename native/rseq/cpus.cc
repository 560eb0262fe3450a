#include "cpus.h"

#include <fcntl.h>
#include <unistd.h>

namespace percpu {

uint32_t parse_possible(const char* text, size_t length) noexcept {
  constexpr uint32_t kMost = 1u << 20; // Far above any kernel's NR_CPUS: a larger number is nonsense.
  uint32_t highest = 0, number = 0;
  bool in_number = false, any = false;
  for (size_t i = 0; i <= length; i++) {
    const char c = i < length ? text[i] : '\n';
    if (c >= '0' && c <= '9') {
      number = number * 10 + static_cast<uint32_t>(c - '0');
      in_number = true;
      if (number >= kMost)
        return 0;
    } else if (c == '-' || c == ',' || c == '\n') {
      if (in_number) {
        highest = number > highest ? number : highest;
        any = true;
      }
      number = 0;
      in_number = false;
    } else {
      return 0;
    }
  }
  return any ? highest + 1 : 0;
}

uint32_t possible_cpus() noexcept {
  uint32_t count = 0;
  const int file = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    char text[4096];
    const ssize_t length = read(file, text, sizeof(text));
    close(file);
    if (length > 0)
      count = parse_possible(text, static_cast<size_t>(length));
  }
  if (count == 0) {
    const long configured = sysconf(_SC_NPROCESSORS_CONF);
    count = configured > 0 ? static_cast<uint32_t>(configured) : 1;
  }
  return count;
}

} // namespace percpu
