// The library as part of a plugin, linked without -z nodelete.
#include "plugin.h"

#include "../../rseq/thread.h"

using namespace percpu;

extern "C" bool plugin_attach() {
  return attach().owner != Owner::none;
}

extern "C" bool plugin_add(int64_t* word) {
  for (uint32_t tries = 0; tries < 10'000; tries++)
    if (load_add_store(here(Index::cpu_id), word, 1) == Outcome::done)
      return true;
  return false;
}

extern "C" void plugin_detach() {
  detach();
}
