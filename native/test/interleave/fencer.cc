#include "fencer.h"

#include "../../rseq/membarrier.h"

#include <unistd.h>

namespace percpu::interleave {

Fencer::Fencer() {
  using namespace membarrier;
  if ((supported() & private_expedited_rseq) == 0 ||
      syscall(SYS_membarrier, register_private_expedited_rseq, 0, 0) != 0 || pipe(requests) != 0 || pipe(replies) != 0)
    return;
  const auto body = [](void* self) -> void* {
    static_cast<Fencer*>(self)->serve();
    return nullptr;
  };
  running = pthread_create(&thread, nullptr, body, this) == 0;
}

Fencer::~Fencer() {
  if (!running)
    return;
  close(requests[1]);
  pthread_join(thread, nullptr);
  close(requests[0]);
  close(replies[0]);
  close(replies[1]);
}

/** Until the other end of the pipe is closed. */
void Fencer::serve() {
  char request;
  while (read(requests[0], &request, 1) == 1) {
    const char refused = syscall(SYS_membarrier, membarrier::private_expedited_rseq, 0, 0) != 0 ? 1 : 0;
    if (write(replies[1], &refused, 1) != 1)
      return;
  }
}

bool Fencer::fence() {
  const char request = 0;
  char refused = 1;
  return write(requests[1], &request, 1) == 1 && read(replies[0], &refused, 1) == 1 && refused == 0;
}

} // namespace percpu::interleave
