/*
 * SipHash-1-3 (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012; the 1-3 variant as in
 * Rust and Ruby): a keyed hash, so that a client cannot choose keys that collide. Pure, thread-safe.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t k0, k1;
};

uint64_t siphash13(const struct siphash_key *key, const void *bytes, size_t len);

/* A key from the kernel's random generator; ends the process with a message if there is none. */
struct siphash_key siphash_random_key(void);

#endif
