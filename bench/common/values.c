#include "bench/common/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/common/report.h"

#define FILE_PREFIX "file:"

struct values {
    char *block; /* made-up values: a value of n bytes is any n bytes of it; documents: the file */
    bool mapped;
    size_t min, max, block_size;
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

static bool make_up(struct values *v, const char *text, uint64_t seed)
{
    if (!parse_sizes(text, &v->min, &v->max))
        return report_fail("--value is a size, MIN-MAX (up to %u bytes) or file:PATH", VALUES_SIZE_MAX);
    v->block_size = v->max + 4096; /* values start at different places, so that they differ */
    v->block = malloc(v->block_size);
    if (!v->block) return report_fail("--value: out of memory");
    fill_printable(v->block, v->block_size, seed);
    return true;
}

/* False: there are no lines. */
static bool index_lines(struct values *v, size_t len)
{
    size_t lines = 0, capacity = 0;
    for (const char *at = v->block, *end = at + len; at < end; lines++) {
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
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st = {0};
    if (fd < 0 || fstat(fd, &st) != 0) {
        report_fail("--value: %s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    v->block_size = (size_t)st.st_size;
    v->block = v->block_size ? mmap(NULL, v->block_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0) : NULL;
    close(fd);
    v->mapped = v->block && v->block != MAP_FAILED;
    if (v->block && !v->mapped) {
        v->block = NULL;
        return report_fail("--value: %s: %s", path, strerror(errno));
    }
    return index_lines(v, v->block_size);
}

struct values *values_open(const char *text, uint64_t seed)
{
    struct values *v = calloc(1, sizeof *v);
    bool ok = false;
    if (!v) {
        report_fail("--value: out of memory");
        return NULL;
    }
    if (strncmp(text, FILE_PREFIX, sizeof FILE_PREFIX - 1) == 0)
        ok = load_documents(v, text + sizeof FILE_PREFIX - 1);
    else
        ok = make_up(v, text, seed);
    if (ok) return v;
    values_close(v);
    return NULL;
}

void values_close(struct values *v)
{
    if (!v) return;
    free(v->documents);
    v->mapped ? (void)munmap(v->block, v->block_size) : free(v->block);
    free(v);
}

struct slice values_pick(const struct values *v, struct rng *r)
{
    if (v->count > 0) return v->documents[rng_below(r, v->count)];
    size_t size = v->min + (size_t)rng_below(r, v->max - v->min + 1);
    return slice_of(v->block + rng_below(r, v->block_size - size + 1), size);
}
