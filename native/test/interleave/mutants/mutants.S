/*
 * Sections that are broken on purpose, for all three architectures: what interleave must catch.
 * They are made by the macros of the real ones, which come along by being included.
 *
 *   commits_twice   stores the sum, and then stores it again: an abort between the two adds once more
 *   goes_on         has an instruction after its committing store: an abort there adds once more
 *   stores_both     adds to a second word before it commits: an abort in between adds there once more, and a process that
 *                   is killed there leaves one addition of two
 */
#if defined(__x86_64__)
#include "../../../rseq/arch/x86_64.S"

.macro mutant_add
  movq  (%rdx), %rax
  addq  %rcx, %rax
  movq  %rax, (%rdx)
.endm
.macro mutant_again
  movq  %rax, (%rdx)
.endm
.macro mutant_add_second
  movq  (%rdx), %rax
  addq  %rcx, %rax
  addq  %rcx, 8(%rdx)
  movq  %rax, (%rdx)
.endm
.macro mutant_nothing
  xchg  %ax, %ax  /* two bytes: a breakpoint stops behind its first one, which must still be inside */
.endm

#elif defined(__aarch64__)
#include "../../../rseq/arch/arm64.S"

.macro mutant_add
  ldr   x8, [x2]
  add   x8, x8, x3
  str   x8, [x2]
.endm
.macro mutant_again
  str   x8, [x2]
.endm
.macro mutant_add_second
  ldr   x8, [x2, 8]
  add   x8, x8, x3
  str   x8, [x2, 8]
  mutant_add
.endm
.macro mutant_nothing
  nop
.endm

#elif defined(__powerpc64__)
#include "../../../rseq/arch/ppc64.S"

.macro mutant_add
  ld    %r11, 0(%r5)
  add   %r11, %r11, %r6
  std   %r11, 0(%r5)
.endm
.macro mutant_again
  std   %r11, 0(%r5)
.endm
.macro mutant_add_second
  ld    %r11, 8(%r5)
  add   %r11, %r11, %r6
  std   %r11, 8(%r5)
  mutant_add
.endm
.macro mutant_nothing
  nop
.endm

#endif

.macro mutant_commits_twice name, index
  section_begin \name, \index
  mutant_add
  mutant_again
  section_end \name, 0
.endm

.macro mutant_goes_on name, index
  section_begin \name, \index
  mutant_add
  mutant_nothing
  section_end \name, 0
.endm

.macro mutant_stores_both name, index
  section_begin \name, \index
  mutant_add_second
  section_end \name, 0
.endm

.irp index, cpu_id, mm_cid
  mutant_commits_twice mutant_commits_twice_\index, \index
  mutant_goes_on       mutant_goes_on_\index, \index
  mutant_stores_both   mutant_stores_both_\index, \index
.endr
