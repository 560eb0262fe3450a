/**
 * @file
 * Lets the binary run on glibc 2.28, the oldest that Node supports.
 *
 * glibc 2.32 and 2.34 moved the functions of libpthread and libdl into libc under a new version, which a binary
 * requires if it is linked on a newer system. Every glibc has the first version of these functions, so the binary binds
 * to that version.
 *
 * Only code for shared objects does so (compiled with -fPIC): addons go to other machines. A program may be linked
 * statically, and archives of libc have no symbol versions, nor does dlsym() find anything there. It refers to libc's
 * symbols as any program does.
 */
#ifndef RSEQ_GLIBC_FLOOR_H
#define RSEQ_GLIBC_FLOOR_H

#include <features.h>

/** Defined if this code is compiled for a program, which may be linked statically, and not for a shared object. */
#if !defined(RSEQ_STATIC_LIBC) && (!defined(__PIC__) || defined(__PIE__))
#define RSEQ_STATIC_LIBC
#endif

#if defined(__GLIBC__) && !defined(RSEQ_STATIC_LIBC)
#if defined(__x86_64__)
#define RSEQ_FIRST_GLIBC "GLIBC_2.2.5"
#else // arm64 and ppc64le came to glibc with the same version.
#define RSEQ_FIRST_GLIBC "GLIBC_2.17"
#endif
__asm__(".symver dladdr, dladdr@" RSEQ_FIRST_GLIBC);
__asm__(".symver dlopen, dlopen@" RSEQ_FIRST_GLIBC);
__asm__(".symver dlsym, dlsym@" RSEQ_FIRST_GLIBC);
__asm__(".symver pthread_attr_setstacksize, pthread_attr_setstacksize@" RSEQ_FIRST_GLIBC);
__asm__(".symver pthread_create, pthread_create@" RSEQ_FIRST_GLIBC);
__asm__(".symver pthread_join, pthread_join@" RSEQ_FIRST_GLIBC);
__asm__(".symver pthread_key_create, pthread_key_create@" RSEQ_FIRST_GLIBC);
__asm__(".symver pthread_once, pthread_once@" RSEQ_FIRST_GLIBC);
__asm__(".symver pthread_setspecific, pthread_setspecific@" RSEQ_FIRST_GLIBC);
__asm__(".symver pthread_sigmask, pthread_sigmask@" RSEQ_FIRST_GLIBC);
#endif

#endif // RSEQ_GLIBC_FLOOR_H
