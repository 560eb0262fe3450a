/**
 * @file
 * Zeroed memory for regions, of exactly the size asked for, so that a sanitizer sees a step outside.
 */
#ifndef RSEQ_TEST_MEMORY_H
#define RSEQ_TEST_MEMORY_H

#include <cstdlib>
#include <cstring>

namespace percpu::test {

class Memory {
public:
  /** `size` bytes that start `offset` bytes after a multiple of 256. */
  explicit Memory(size_t size, size_t offset = 0) : offset_(offset), size_(size) {
    if (posix_memalign(&block_, 256, offset + size + (size == 0 ? 1 : 0)) != 0)
      abort();
    memset(block_, 0, offset + size);
  }
  ~Memory() { free(block_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  unsigned char* data() { return static_cast<unsigned char*>(block_) + offset_; }
  size_t size() const { return size_; }

private:
  void* block_ = nullptr;
  size_t offset_;
  size_t size_;
};

} // namespace percpu::test

#endif // RSEQ_TEST_MEMORY_H
