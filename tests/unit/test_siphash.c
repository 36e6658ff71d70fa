/* SipHash-1-3 against a plain byte-by-byte SipHash-c-d, itself held to the published vectors of SipHash-2-4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/base/siphash.h"

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void rounds(uint64_t v[4], int n)
{
    while (n-- > 0) {
        v[0] += v[1], v[1] = rotate(v[1], 13), v[1] ^= v[0], v[0] = rotate(v[0], 32);
        v[2] += v[3], v[3] = rotate(v[3], 16), v[3] ^= v[2];
        v[0] += v[3], v[3] = rotate(v[3], 21), v[3] ^= v[0];
        v[2] += v[1], v[1] = rotate(v[1], 17), v[1] ^= v[2], v[2] = rotate(v[2], 32);
    }
}

/* As the paper words it: pad with zeros to one byte short of a multiple of 8, then the length modulo 256. */
static uint64_t plain(int c, int d, const struct siphash_key *key, const unsigned char *bytes, size_t len)
{
    uint64_t v[4];
    memcpy(v, "uespemosmodnarodarenegylsetybdet", sizeof v);
    v[0] ^= key->k0, v[1] ^= key->k1, v[2] ^= key->k0, v[3] ^= key->k1;
    size_t padded = (len / 8 + 1) * 8;
    uint64_t word = 0;
    for (size_t i = 0; i < padded; i++) {
        uint64_t byte = i == padded - 1 ? len & 255 : i < len ? bytes[i] : 0;
        word |= byte << (i % 8 * 8);
        if (i % 8 != 7) continue;
        v[3] ^= word;
        rounds(v, c);
        v[0] ^= word;
        word = 0;
    }
    v[2] ^= 255;
    rounds(v, d);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static const struct siphash_key paper_key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static void the_plain_one_gives_the_published_values(void **state)
{
    (void)state;
    unsigned char bytes[15];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    assert_true(plain(2, 4, &paper_key, bytes, 15) == UINT64_C(0xa129ca6149be45e5)); /* the paper, appendix A */
    assert_true(plain(2, 4, &paper_key, bytes, 0) == UINT64_C(0x726fdb47dd0e0e31));  /* vectors.h, line 1 */
}

static void equals_the_plain_one_at_every_length_and_offset(void **state)
{
    (void)state;
    unsigned char bytes[600];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 167 + 13);
    for (size_t len = 0; len <= 520; len++)
        for (size_t offset = 0; offset < 8; offset++)
            assert_true(siphash13(&paper_key, bytes + offset, len) == plain(1, 3, &paper_key, bytes + offset, len));
}

static void every_bit_of_key_and_message_counts(void **state)
{
    (void)state;
    unsigned char bytes[19] = "a session key here";
    uint64_t before = siphash13(&paper_key, bytes, sizeof bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_true(siphash13(&paper_key, bytes, sizeof bytes) != before);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (int bit = 0; bit < 64; bit++) {
        struct siphash_key a = paper_key, b = paper_key;
        a.k0 ^= UINT64_C(1) << bit;
        b.k1 ^= UINT64_C(1) << bit;
        assert_true(siphash13(&a, bytes, sizeof bytes) != before);
        assert_true(siphash13(&b, bytes, sizeof bytes) != before);
    }
}

static void random_keys_differ(void **state)
{
    (void)state;
    struct siphash_key a = siphash_random_key(), b = siphash_random_key();
    assert_true(a.k0 != b.k0 && a.k1 != b.k1); /* fails once in 2^63 runs */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_one_gives_the_published_values),
        cmocka_unit_test(equals_the_plain_one_at_every_length_and_offset),
        cmocka_unit_test(every_bit_of_key_and_message_counts),
        cmocka_unit_test(random_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
