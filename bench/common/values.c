#include "bench/common/workload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/common/report.h"
#include "proto/number.h"

#define FILE_PREFIX "file:"

struct values {
    char *block; /* made-up values: a value of n bytes is any n bytes of it; documents: the file */
    uint64_t min, max;
    size_t block_size;
    struct slice *documents; /* without line ends */
    size_t count;            /* of documents; 0: made-up values */
};

static void fill_printable(char *out, size_t len, uint64_t seed)
{
    static const char letters[64] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    struct rng r;
    rng_seed(&r, seed, UINT64_C(0x76616c756573));
    for (size_t i = 0; i < len; i++)
        out[i] = letters[rng_next(&r) >> 58];
}

static bool parse_sizes(struct values *v, const char *text)
{
    const char *dash = strchr(text, '-');
    struct slice low = slice_of(text, dash ? (size_t)(dash - text) : strlen(text));
    struct slice high = dash ? slice_text(dash + 1) : low;
    return number_parse(low, VALUES_SIZE_MAX, &v->min) && number_parse(high, VALUES_SIZE_MAX, &v->max) &&
           v->min <= v->max;
}

static bool make_up(struct values *v, const char *text, uint64_t seed)
{
    if (!parse_sizes(v, text))
        return report_fail("--value is a size, MIN-MAX (up to %u bytes) or file:PATH", VALUES_SIZE_MAX);
    v->block_size = v->max + 4096; /* values start at different places, so that they differ */
    v->block = malloc(v->block_size);
    if (!v->block) return report_fail("--value: out of memory");
    fill_printable(v->block, v->block_size, seed);
    return true;
}

/* False: there are no lines. */
static bool index_lines(struct values *v)
{
    size_t lines = 0, capacity = 0;
    for (const char *at = v->block, *end = at + v->block_size; at < end; lines++) {
        if (lines == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            struct slice *grown = realloc(v->documents, capacity * sizeof *grown);
            if (!grown) return report_fail("--value: out of memory");
            v->documents = grown;
        }
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((lf ? lf : end) - at);
        if (size > VALUES_SIZE_MAX)
            return report_fail("--value: line %zu is longer than %u bytes", lines + 1, VALUES_SIZE_MAX);
        v->documents[lines] = slice_of(at, size);
        at += size + 1;
    }
    v->count = lines;
    return lines > 0 || report_fail("--value: the file has no lines");
}

static bool load_documents(struct values *v, const char *path)
{
    struct stat st = {0};
    FILE *f = fopen(path, "re");
    bool ok = f && fstat(fileno(f), &st) == 0 && (v->block = malloc((size_t)st.st_size + 1));
    if (ok) v->block_size = fread(v->block, 1, (size_t)st.st_size, f);
    if (!ok || ferror(f)) ok = report_fail("--value: %s: %s", path, strerror(errno));
    if (f) fclose(f);
    return ok && index_lines(v);
}

struct values *values_open(const char *text, uint64_t seed)
{
    struct values *v = calloc(1, sizeof *v);
    bool file = strncmp(text, FILE_PREFIX, sizeof FILE_PREFIX - 1) == 0;
    if (!v)
        report_fail("--value: out of memory");
    else if (file ? load_documents(v, text + sizeof FILE_PREFIX - 1) : make_up(v, text, seed))
        return v;
    values_close(v);
    return NULL;
}

void values_close(struct values *v)
{
    if (!v) return;
    free(v->documents);
    free(v->block);
    free(v);
}

struct slice values_pick(const struct values *v, struct rng *r)
{
    if (v->count > 0) return v->documents[rng_below(r, v->count)];
    size_t size = v->min + rng_below(r, v->max - v->min + 1);
    return slice_of(v->block + rng_below(r, v->block_size - size + 1), size);
}
