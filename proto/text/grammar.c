/* What the parts of the text codec agree on: verbs, names, character classes, tokens. */
#include "proto/text/grammar.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "proto/number.h"
#include "proto/text/text.h"

const struct codec codec_text = {
    .name = "text",
    .decode = text_decode,
    .decode_end = text_decode_end,
    .encode = text_encode,
    .encode_request = text_encode_request,
    .decode_reply = text_decode_reply,
};

struct slice text_verb(enum op op)
{
    static const struct slice verbs[OP_COUNT] = {
        [OP_GET] = {"GET", 3},         [OP_PUT] = {"PUT", 3},
        [OP_DELETE] = {"DELETE", 6},   [OP_LEN] = {"LEN", 3},
        [OP_TOUCH] = {"TOUCH", 5},     [OP_PING] = {"PING", 4},
        [OP_STATS] = {"STATS", 5},     [OP_CONFIG] = {"CONFIG", 6},
        [OP_HELP] = {"HELP", 4},       [OP_CONFIG_SET] = {"CONFIG SET", 10},
        [OP_VERSION] = {"VERSION", 7}, [OP_QUIT] = {"QUIT", 4},
    };
    assert((unsigned)op < OP_COUNT);
    return verbs[op];
}

/* Up to seven letters as one number, the first in the lowest byte. */
#define WORD(a, b, c, d, e, f, g)                                                                           \
    ((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | (uint64_t)(d) << 24 | (uint64_t)(e) << 32 | \
     (uint64_t)(f) << 40 | (uint64_t)(g) << 48)

/* The operation that a word of `len` letters stands for; bytes behind the letters are 0. */
static enum op find_verb(uint64_t word, size_t len)
{
    /* Setting bit 5 makes letters small and makes no other byte a small letter. Bytes behind the word stay 0, so
     * verbs of different lengths differ. */
    word |= 0x2020202020202020U >> (64 - 8 * len);
    switch (word) {
    case WORD('g', 'e', 't', 0, 0, 0, 0): return OP_GET;
    case WORD('p', 'u', 't', 0, 0, 0, 0): return OP_PUT;
    case WORD('l', 'e', 'n', 0, 0, 0, 0): return OP_LEN;
    case WORD('d', 'e', 'l', 'e', 't', 'e', 0): return OP_DELETE;
    case WORD('t', 'o', 'u', 'c', 'h', 0, 0): return OP_TOUCH;
    case WORD('p', 'i', 'n', 'g', 0, 0, 0): return OP_PING;
    case WORD('s', 't', 'a', 't', 's', 0, 0): return OP_STATS;
    case WORD('c', 'o', 'n', 'f', 'i', 'g', 0): return OP_CONFIG;
    case WORD('h', 'e', 'l', 'p', 0, 0, 0): return OP_HELP;
    case WORD('v', 'e', 'r', 's', 'i', 'o', 'n'): return OP_VERSION;
    case WORD('q', 'u', 'i', 't', 0, 0, 0): return OP_QUIT;
    default: return OP_COUNT;
    }
}

enum op text_take_verb(struct slice *rest)
{
    uint64_t word = 0;
    size_t len = 0;
    if (rest->len >= 8) {
        memcpy(&word, rest->ptr, sizeof word);
        word = le64toh(word);
        /* The lowest byte that is a space (Bit Twiddling Hacks, "haszero"; exact for the lowest). */
        uint64_t other = word ^ 0x2020202020202020U;
        uint64_t space = (other - 0x0101010101010101U) & ~other & 0x8080808080808080U;
        if (space == 0) return OP_COUNT; /* longer than every verb */
        len = (size_t)__builtin_ctzll(space) / 8;
    } else {
        for (; len < rest->len && rest->ptr[len] != ' '; len++)
            word |= (uint64_t)(unsigned char)rest->ptr[len] << 8 * len;
    }
    if (len < 3) return OP_COUNT;
    enum op op = find_verb(word & UINT64_MAX >> (64 - 8 * len), len);
    if (op == OP_COUNT) return op;
    rest->ptr += len;
    rest->len -= len;
    return op;
}

enum error_code text_error_find(struct slice name)
{
    for (unsigned code = 0; code < ERR_COUNT; code++)
        if (slice_equal(name, slice_text(error_code_name((enum error_code)code)))) return (enum error_code)code;
    return ERR_COUNT;
}

struct slice text_class_name(enum priority priority)
{
    switch (priority) {
    case PRIORITY_CRITICAL: return slice_text("critical");
    case PRIORITY_NORMAL: return slice_text("normal");
    case PRIORITY_SHEDDABLE: return slice_text("sheddable");
    case PRIORITY_DEFAULT: break;
    }
    return slice_text("");
}

enum priority text_class_find(struct slice name)
{
    static const enum priority all[] = {PRIORITY_CRITICAL, PRIORITY_NORMAL, PRIORITY_SHEDDABLE};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (slice_equal(name, text_class_name(all[i]))) return all[i];
    return PRIORITY_DEFAULT;
}

bool text_has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text_is_control(text.ptr[i])) return true;
    return false;
}

/* Sixteen bytes side by side; compilers turn this into the vector instructions that the machine has. */
typedef unsigned char sixteen __attribute__((vector_size(16)));

/* Index of the first of sixteen bytes that is a space or a control byte; 16: none. */
static inline size_t first_stop(const char *at)
{
    sixteen bytes;
    memcpy(&bytes, at, sizeof bytes);
    sixteen stops = (sixteen)(bytes <= 0x20) | (sixteen)(bytes == 0x7f); /* 0xff where it is one, else 0 */
    uint64_t half[2];
    memcpy(half, &stops, sizeof half);
    if (half[0] != 0) return (size_t)__builtin_ctzll(le64toh(half[0])) / 8;
    if (half[1] != 0) return (size_t)__builtin_ctzll(le64toh(half[1])) / 8 + 8;
    return 16;
}

size_t text_plain_span(const char *from, const char *end)
{
    const char *at = from;
    while (end - at >= 16) {
        size_t n = first_stop(at);
        at += n;
        if (n < 16) return (size_t)(at - from);
    }
    while (at < end && *at != ' ' && !text_is_control(*at))
        at++;
    return (size_t)(at - from);
}

bool text_parse_count(struct slice text, uint64_t *count)
{
    return text.len > 1 && text.ptr[0] == '$' &&
           number_parse(slice_of(text.ptr + 1, text.len - 1), TEXT_COUNT_MAX, count);
}

bool text_key_valid(struct slice key)
{
    return key.len > 0 && key.len <= TEXT_KEY_MAX && text_plain_span(key.ptr, key.ptr + key.len) == key.len;
}

bool text_tag_valid(struct slice tag)
{
    if (tag.len == 0 || tag.len > TAG_MAX) return false;
    for (size_t i = 0; i < tag.len; i++) {
        char c = tag.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (c < '0' || c > '9') && c != '-' && c != '_') return false;
    }
    return true;
}
