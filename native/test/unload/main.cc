/**
 * Loads a plugin with sections, runs sections in threads, unloads the plugin, and has those threads interrupted: the
 * kernel then reads the descriptor of the section that each ran last.
 *
 *     unload PLUGIN              must end with 0
 *     unload PLUGIN --blind      the library cannot find itself, and so is really unloaded: must end by SIGSEGV
 *
 * Exit status 2: the plugin's threads have no sections here.
 */
#include "plugin.h"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>

namespace {

constexpr int kRounds = 200;
constexpr int kThreads = 4;

/** A preemption between the section and the signal hides a fault, so there are several rounds. */
bool is_blind = false;
void* plugin = nullptr;
pthread_barrier_t barrier;
int signals = 0; ///< Counted by handlers in several threads.
bool has_failed = false;
bool has_sections = true;

void on_signal(int) {
  __atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
}

template <typename Function> Function* symbol(const char* name) {
  return reinterpret_cast<Function*>(dlsym(plugin, name));
}

void fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, dlerror());
  __atomic_store_n(&has_failed, true, __ATOMIC_RELAXED);
}

/** Runs sections, and is interrupted once the plugin is gone. */
void* user(void*) {
  int64_t word = 0;
  for (int round = 0; round < kRounds; round++) {
    pthread_barrier_wait(&barrier); // The plugin is loaded.
    if (!symbol<Attach>("plugin_attach")())
      __atomic_store_n(&has_sections, false, __ATOMIC_RELAXED);
    else if (!symbol<Add>("plugin_add")(&word))
      fail("no section was done");
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); // It is unloaded.
    raise(SIGUSR1);
  }
  return nullptr;
}

} // namespace

/** In place of libc's, for the library in the plugin: it asks who it is, to be kept. */
extern "C" int dladdr(const void* address, Dl_info* info) noexcept {
  static auto* const real = reinterpret_cast<int (*)(const void*, Dl_info*)>(dlsym(RTLD_NEXT, "dladdr"));
  return is_blind ? 0 : real(address, info);
}

int main(int count, char** arguments) {
  if (count < 2)
    return 64;
  is_blind = count > 2 && strcmp(arguments[2], "--blind") == 0;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigaction(SIGUSR1, &action, nullptr);

  // On this thread alone first: the section is the last thing that it does before the plugin goes.
  int64_t word = 0;
  for (int round = 0; round < kRounds; round++) {
    plugin = dlopen(arguments[1], RTLD_NOW);
    if (plugin == nullptr) {
      fail("dlopen");
      return 1;
    }
    if (!symbol<Attach>("plugin_attach")())
      return 2;
    Add* const add = symbol<Add>("plugin_add");
    Detach* const detach = symbol<Detach>("plugin_detach");
    if (!add(&word))
      fail("no section was done");
    if (round % 2 == 0) // Some programs tidy up; that alone does not help where libc registers threads.
      detach();
    dlclose(plugin);
    raise(SIGUSR1);
  }

  pthread_barrier_init(&barrier, nullptr, kThreads + 1);
  pthread_t threads[kThreads];
  for (pthread_t& thread : threads)
    pthread_create(&thread, nullptr, user, nullptr);
  for (int round = 0; round < kRounds; round++) {
    plugin = dlopen(arguments[1], RTLD_NOW);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    dlclose(plugin);
    pthread_barrier_wait(&barrier);
  }
  for (pthread_t& thread : threads)
    pthread_join(thread, nullptr);
  printf("%d rounds, %d signals, %lld additions\n", kRounds, __atomic_load_n(&signals, __ATOMIC_RELAXED),
         static_cast<long long>(word));
  return has_failed ? 1 : has_sections ? 0 : 2;
}
