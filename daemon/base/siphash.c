/* SipHash-1-3 over byte strings, eight bytes a round: the hash of every session key. */
#include "daemon/base/siphash.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct state {
    uint64_t v0, v1, v2, v3;
};

#define ROTL(x, bits) ((x) << (bits) | (x) >> (64 - (bits)))

static inline void sip_round(struct state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = ROTL(s->v1, 13) ^ s->v0;
    s->v3 = ROTL(s->v3, 16) ^ s->v2;
    s->v0 = ROTL(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = ROTL(s->v1, 17) ^ s->v2;
    s->v3 = ROTL(s->v3, 21) ^ s->v0;
    s->v2 = ROTL(s->v2, 32);
}

static inline void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t load_word(const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return le64toh(word);
}

/* The last 0 to 7 bytes in the low end, the length modulo 256 in the top byte. */
static inline uint64_t last_word(const unsigned char *p, size_t len)
{
    uint64_t word = (uint64_t)len << 56;
    switch (len & 7) {
    case 7: word |= (uint64_t)p[6] << 48; /* fall through */
    case 6: word |= (uint64_t)p[5] << 40; /* fall through */
    case 5: word |= (uint64_t)p[4] << 32; /* fall through */
    case 4: word |= (uint64_t)p[3] << 24; /* fall through */
    case 3: word |= (uint64_t)p[2] << 16; /* fall through */
    case 2: word |= (uint64_t)p[1] << 8;  /* fall through */
    case 1: word |= p[0]; break;
    default: break;
    }
    return word;
}

uint64_t siphash13(const struct siphash_key *key, const void *bytes, size_t len)
{
    struct state s = {
        key->k0 ^ UINT64_C(0x736f6d6570736575),
        key->k1 ^ UINT64_C(0x646f72616e646f6d),
        key->k0 ^ UINT64_C(0x6c7967656e657261),
        key->k1 ^ UINT64_C(0x7465646279746573),
    };
    const unsigned char *p = bytes;
    for (size_t words = len / 8; words > 0; words--, p += 8)
        absorb(&s, load_word(p));
    absorb(&s, last_word(p, len));
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct siphash_key siphash_random_key(void)
{
    struct siphash_key key;
    ssize_t n;
    do { /* up to 256 bytes come whole or not at all */
        n = getrandom(&key, sizeof key, 0);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof key) {
        fprintf(stderr, "sluice: no random numbers from the kernel: %s\n", n < 0 ? strerror(errno) : "short read");
        exit(1);
    }
    return key;
}
