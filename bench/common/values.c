#include "bench/common/values.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_PREFIX "file:"

struct values {
    char *block;
    /* Made-up values: a value of n bytes is any n bytes of the block. */
    size_t min, max, block_size;
    /* Documents: value i is block[starts[i]..starts[i + 1] - 1), without its line end. */
    size_t *starts;
    size_t documents;
};

static void fill_printable(char *out, size_t len, uint64_t seed)
{
    static const char letters[64] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    struct rng r;

    rng_seed(&r, seed, UINT64_C(0x76616c756573));
    for (size_t i = 0; i < len; i++) {
        out[i] = letters[rng_next(&r) >> 58];
    }
}

static bool parse_sizes(const char *text, size_t *min, size_t *max)
{
    char *end = NULL;
    unsigned long low = 0, high = 0;

    if (*text < '0' || *text > '9') return false;
    errno = 0;
    low = high = strtoul(text, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9') high = strtoul(end + 1, &end, 10);
    if (*end != '\0' || errno || low > high || high > VALUES_SIZE_MAX) return false;
    *min = low;
    *max = high;
    return true;
}

static bool make_up(struct values *v, const char *text, uint64_t seed, char *error, size_t error_size)
{
    if (!parse_sizes(text, &v->min, &v->max)) {
        snprintf(error, error_size, "a value is a size, MIN-MAX (up to %u bytes) or file:PATH", VALUES_SIZE_MAX);
        return false;
    }
    v->block_size = v->max + 4096; /* values start at different places, so that they differ */
    v->block = malloc(v->block_size);
    if (!v->block) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    fill_printable(v->block, v->block_size, seed);
    return true;
}

/* Reads the whole file into the block and returns its length; 0 with `error` set when that fails. */
static size_t read_block(struct values *v, FILE *f, char *error, size_t error_size)
{
    size_t len = 0, capacity = 1U << 16;

    for (;;) {
        char *grown = realloc(v->block, capacity + 1);
        if (!grown) {
            snprintf(error, error_size, "out of memory");
            return 0;
        }
        v->block = grown;
        len += fread(v->block + len, 1, capacity - len, f);
        if (len < capacity) break;
        if (capacity >= VALUES_TOTAL_MAX) {
            snprintf(error, error_size, "a file of documents has at most %u bytes", VALUES_TOTAL_MAX);
            return 0;
        }
        capacity *= 2;
    }
    if (ferror(f)) {
        snprintf(error, error_size, "%s", strerror(errno));
        return 0;
    }
    if (len > 0 && v->block[len - 1] != '\n') v->block[len++] = '\n';
    if (len == 0) snprintf(error, error_size, "the file has no lines");
    return len;
}

static bool index_lines(struct values *v, size_t len, char *error, size_t error_size)
{
    size_t lines = 0;

    for (size_t i = 0; i < len; i++) {
        lines += v->block[i] == '\n';
    }
    v->starts = malloc((lines + 1) * sizeof(*v->starts));
    if (!v->starts) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    v->starts[0] = 0;
    for (size_t i = 0; i < len; i++) {
        if (v->block[i] != '\n') continue;
        size_t size = i - v->starts[v->documents];
        if (size > VALUES_SIZE_MAX) {
            snprintf(error, error_size, "line %zu is longer than %u bytes", v->documents + 1, VALUES_SIZE_MAX);
            return false;
        }
        if (size > v->max) v->max = size;
        v->starts[++v->documents] = i + 1;
    }
    return true;
}

static bool load_documents(struct values *v, const char *path, char *error, size_t error_size)
{
    FILE *f = fopen(path, "rbe");

    if (!f) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        return false;
    }
    size_t len = read_block(v, f, error, error_size);
    fclose(f);
    return len > 0 && index_lines(v, len, error, error_size);
}

struct values *values_open(const char *text, uint64_t seed, char *error, size_t error_size)
{
    struct values *v = calloc(1, sizeof(*v));
    bool ok = false;

    if (!v) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    if (strncmp(text, FILE_PREFIX, sizeof(FILE_PREFIX) - 1) == 0) {
        ok = load_documents(v, text + sizeof(FILE_PREFIX) - 1, error, error_size);
    } else {
        ok = make_up(v, text, seed, error, error_size);
    }
    if (ok) return v;
    values_close(v);
    return NULL;
}

void values_close(struct values *v)
{
    if (!v) return;
    free(v->starts);
    free(v->block);
    free(v);
}

struct slice values_pick(const struct values *v, struct rng *r)
{
    if (v->documents > 0) {
        size_t i = (size_t)rng_below(r, v->documents);
        return slice_of(v->block + v->starts[i], v->starts[i + 1] - 1 - v->starts[i]);
    }
    size_t size = v->min + (size_t)rng_below(r, v->max - v->min + 1);
    return slice_of(v->block + rng_below(r, v->block_size - size + 1), size);
}

size_t values_largest(const struct values *v)
{
    return v->max;
}
