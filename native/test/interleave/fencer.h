/**
 * @file
 * Another thread that fences this process's sections on request: the first half of a remote stop.
 */
#ifndef RSEQ_INTERLEAVE_FENCER_H
#define RSEQ_INTERLEAVE_FENCER_H

#include <pthread.h>

namespace percpu::interleave {

class Fencer {
public:
  /** Starts the thread, if the kernel has the fence (Linux 5.10). */
  Fencer();
  ~Fencer();
  Fencer(const Fencer&) = delete;
  Fencer& operator=(const Fencer&) = delete;

  bool available() const { return running; }
  /** Has the thread fence every CPU, and waits until it has. Signal-safe. False if the kernel refused. */
  bool fence();

private:
  void serve();

  int requests[2];
  int replies[2];
  pthread_t thread;
  bool running = false;
};

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_FENCER_H
