/**
 * @file
 * What the plugin has for its program.
 */
#ifndef RSEQ_TEST_UNLOAD_PLUGIN_H
#define RSEQ_TEST_UNLOAD_PLUGIN_H

#include <cstdint>

extern "C" {
/** Attaches the calling thread. False if it has no sections. */
using Attach = bool();
/** Runs a section on the calling thread, which leaves its descriptor's address in the area. False if it never got done.
 */
using Add = bool(int64_t* word);
/** As percpu::detach(). */
using Detach = void();
}

#endif // RSEQ_TEST_UNLOAD_PLUGIN_H
