/**
 * @file
 * Keeps the binary at glibc 2.28, where Node itself is.
 *
 * glibc 2.34 moved the functions of libpthread and libdl into libc under a new version; linked on a
 * newer system, a binary would ask for that one. Bound to their first version they run on all.
 * A program linked statically defines RSEQ_STATIC_LIBC: there are no versions in an archive.
 */
#ifndef RSEQ_GLIBC_FLOOR_H
#define RSEQ_GLIBC_FLOOR_H

#include <features.h>

#if defined(__GLIBC__) && !defined(RSEQ_STATIC_LIBC)
#if defined(__x86_64__)
#define RSEQ_FIRST_GLIBC "GLIBC_2.2.5"
#else // arm64 and ppc64le came to glibc with the same version.
#define RSEQ_FIRST_GLIBC "GLIBC_2.17"
#endif
__asm__(".symver dlsym, dlsym@" RSEQ_FIRST_GLIBC);
__asm__(".symver pthread_create, pthread_create@" RSEQ_FIRST_GLIBC);
__asm__(".symver pthread_join, pthread_join@" RSEQ_FIRST_GLIBC);
#endif

#endif // RSEQ_GLIBC_FLOOR_H
