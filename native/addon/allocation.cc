/**
 * @file
 * `new` and `delete` by malloc and free.
 *
 * The ones of libstdc++ throw, and so pull its unwinder into the binary, and with that symbols of
 * glibc 2.35. Built without exceptions, the addon has no use for it: out of memory ends the process.
 */
#include <cstdlib>
#include <new>

void* operator new(std::size_t size) {
  void* memory = std::malloc(size != 0 ? size : 1);
  if (memory == nullptr)
    std::abort();
  return memory;
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
