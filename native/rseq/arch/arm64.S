/*
 * The critical sections for arm64 (little-endian), one copy of each, as ordinary functions.
 *
 * Conventions (AAPCS64), all sections alike:
 *   x0  the calling thread's Area          w1  index: the cpu_id or mm_cid that the caller read
 *   x2 to x7  the operands, in the order of native/rseq/sections.h
 *   x8 to x13  scratch (x16 and x17 are the linker's)          w0  the outcome
 *
 * `delay` and the `same_` checks mark where stress builds wait or compare a second time; in other builds they are empty
 * (arm64_stress.inc).
 *
 * Each body is written once and expands to one section for cpu_id and one for mm_cid; if its commit has a memory order,
 * to one of each for relaxed and for release. No section touches the stack.
 */
#if defined(__aarch64__)
#include "../abi.h"
#include "arm64_stress.inc"

.set AREA_RSEQ_CS, RSEQ_AREA_RSEQ_CS
.set AREA_cpu_id, RSEQ_AREA_CPU_ID
.set AREA_mm_cid, RSEQ_AREA_MM_CID

/*
 * Begins the function of a section, with the descriptor's address in x8. The function begins with a landing pad, as C++
 * may choose between two sections by an indirect jump. The abort handler needs none, as nothing branches to it: the
 * kernel sets the instruction pointer and returns with the interrupted PSTATE, whose BTYPE is 0 everywhere in a section,
 * as a section has no indirect branch.
 */
.macro section_function name
  .pushsection .text.rseq, "ax", @progbits
  .balign 32
  .globl rseq_\name
  .hidden rseq_\name
  .type rseq_\name, @function
rseq_\name:
  .cfi_startproc
  hint  34  /* bti c, by the name that assemblers for Armv8.0 know */
  adrp  x8, .Ldescriptor_\name
  add   x8, x8, :lo12:.Ldescriptor_\name
.endm

/* Arms the section by its descriptor's address, in x8, and checks that the thread is still at `index`. */
.macro section_arm name, index
  str   x8, [x0, AREA_RSEQ_CS]
.Lstart_\name:
  delay armed
  ldr   w9, [x0, AREA_\index]
  cmp   w9, w1
  b.ne  .Lmoved_\name
  delay entered
.endm

/* Begins a section: its function, armed. */
.macro section_begin name, index
  section_function \name
  section_arm \name, \index
.endm

/* The committing store of the 64-bit register `value`, in either memory order. */
.macro commit_relaxed value, address
  str   \value, [\address]
.endm
.macro commit_release value, address
  stlr  \value, [\address]
.endm

/* The abort handler's label. The signature before it is a `brk`: code that runs into it traps. */
.macro section_abort name
  .inst RSEQ_SIGNATURE
.Labort_\name:
.endm

/*
 * Ends the function of a section, and makes its descriptor and its tables. Relocation fills the descriptor; then the
 * dynamic linker makes it read-only (RELRO), so that no stray store redirects the kernel. Linkers protect sections named
 * .data.rel.ro, so the usual name __rseq_cs is not used: __rseq_cs_ptr_array points at all descriptors.
 */
.macro section_tables name, compares
  .cfi_endproc
  .size rseq_\name, . - rseq_\name
  .popsection

  .pushsection .data.rel.ro.rseq_cs, "aw", @progbits
  .balign 32
.Ldescriptor_\name:
  .long 0, 0
  .quad .Lstart_\name
  .quad .Lcommitted_\name - .Lstart_\name
  .quad .Labort_\name
  .popsection

  .pushsection __rseq_cs_ptr_array, "aw", @progbits
  .quad .Ldescriptor_\name
  .popsection

  .pushsection __rseq_exit_point_array, "aw", @progbits
  .quad .Lstart_\name, .Lmoved_\name
  .if \compares
  .quad .Lstart_\name, .Lcompare_failed_\name
  .endif
  .popsection
.endm

/*
 * Ends a section behind its committing store: the exits, the abort handler, and the tables. `compares` is 1 if the body
 * can leave by `compare_failed`.
 */
.macro section_end name, compares
.Lcommitted_\name:
  mov   w0, RSEQ_DONE
  ret
.Lmoved_\name:
  mov   w0, RSEQ_MOVED
  ret
  .if \compares
.Lcompare_failed_\name:
  mov   w0, RSEQ_COMPARE_FAILED
  ret
  .endif
  inconsistent_exit \name
  section_abort \name
  mov   w0, RSEQ_ABORTED
  ret
  section_tables \name, \compares
.endm

#include "arm64_words.inc"
#include "arm64_counter.inc"
#include "arm64_stack.inc"
#include "arm64_spin.inc"
#include "arm64_ring.inc"
#include "arm64_array.inc"
#include "arm64_list.inc"

/* section_row makes one section of a body, for one index field; ordered_section_row makes one for each memory order. */
.macro section_row body, index
  \body \body\()_\index, \index
.endm
.macro ordered_section_row body, index
  \body \body\()_relaxed_\index, \index, relaxed
  \body \body\()_release_\index, \index, release
.endm

#define SECTION(body, type) section_row body, INDEX
#define ORDERED_SECTION(body, type) ordered_section_row body, INDEX
#define INDEX cpu_id
#include "../section_table.inc"
#define INDEX mm_cid
#include "../section_table.inc"

#endif

#include "notes.inc"
