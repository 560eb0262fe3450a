/**
 * @file
 * All of the library for programs in C++: include this one. docs/cpp.md shows how to build and use it.
 *
 * A thread registers itself by RegisteredThread. A structure is a region of memory: PrivateRegion makes one, and the
 * functions of its header work on it. Everything is in namespace percpu and throws nothing.
 */
#ifndef RSEQ_PERCPU_PERCPU_H
#define RSEQ_PERCPU_PERCPU_H

// What a thread is: its registration, where it runs, whether the kernel aborts sections, and fences.
#include "../rseq/cpus.h"
#include "../rseq/current.h"
#include "../rseq/membarrier.h"
#include "../rseq/registered_area.h"
#include "../rseq/registered_thread.h"
#include "../rseq/sections.h"
#include "../rseq/thread.h"
#include "../rseq/verify.h"

// The structures, one header each.
#include "array.h"
#include "counter.h"
#include "counter_tree.h"
#include "cpu_lock.h"
#include "heap.h"
#include "list.h"
#include "mutex.h"
#include "opv.h"
#include "pool.h"
#include "private_region.h"
#include "ring.h"
#include "stack.h"

#endif // RSEQ_PERCPU_PERCPU_H
