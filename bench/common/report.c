#include "bench/common/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* ---- the head ---- */

/* The rest of the first line of /proc/cpuinfo that begins with "model name". */
static void cpu_model(char *out, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[256];

    snprintf(out, size, "unknown");
    while (f && fgets(line, sizeof(line), f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        colon += strspn(colon, ": ");
        snprintf(out, size, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (f) fclose(f);
}

static double load_average(void)
{
    double load = 0;

    return getloadavg(&load, 1) == 1 ? load : 0;
}

static json_t *machine(void)
{
    struct utsname u = {0};
    char model[128];
    long page = sysconf(_SC_PAGESIZE), pages = sysconf(_SC_PHYS_PAGES);

    (void)uname(&u);
    cpu_model(model, sizeof(model));
    /* The load before the run tells whether others were busy on the machine. */
    return json_pack("{s:i, s:s, s:s, s:s, s:I, s:f}", "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN), "cpu_model",
                     model, "kernel", u.release, "architecture", u.machine, "memory_bytes",
                     (json_int_t)page * (json_int_t)pages, "load_average_before", load_average());
}

static json_t *must(json_t *json)
{
    if (json) return json;
    fprintf(stderr, "sluice-bench: out of memory\n");
    exit(1);
}

json_t *report_head(const char *kind, int argc, char **argv, uint64_t seed)
{
    json_t *command = must(json_array());
    char date[32];
    time_t now = time(NULL);
    struct tm utc;

    json_array_append_new(command, must(json_string("sluice-bench")));
    for (int i = 0; i < argc; i++) {
        json_t *word = json_string(argv[i]);
        json_array_append_new(command, word ? word : must(json_string("(not UTF-8)")));
    }
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    return must(json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:I}", "tool", "sluice-bench", "version", SLUICE_VERSION,
                          "kind", kind, "command", command, "date", date, "machine", must(machine()), "seed",
                          (json_int_t)seed));
}

/* ---- files ---- */

static bool complain(const char *path)
{
    fprintf(stderr, "sluice-bench: cannot write %s: %s\n", path, strerror(errno));
    return false;
}

FILE *report_open(const char *path)
{
    if (strcmp(path, "-") == 0) return stdout;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w"); /* which empties nothing */

    if (!f) {
        complain(path);
        if (fd >= 0) close(fd);
    }
    return f;
}

void report_begin(FILE *f)
{
    /* A pipe or a device has no length to cut: that is no failure. */
    if (f != stdout && ftruncate(fileno(f), 0) != 0) errno = 0;
}

bool report_end(FILE *f, const char *path)
{
    bool ok = !ferror(f);

    ok = (f == stdout ? fflush(f) : fclose(f)) == 0 && ok;
    return ok || complain(path);
}

bool report_write_json(const json_t *json, FILE *f, const char *path)
{
    report_begin(f);
    bool ok = json_dumpf(json, f, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) == 0 && fputc('\n', f) != EOF;
    return report_end(f, path) && (ok || complain(path));
}

json_t *report_read_json(const char *option, const char *path, const char *kind)
{
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    const char *tool = json_string_value(json_object_get(json, "tool"));
    const char *its_kind = json_string_value(json_object_get(json, "kind"));

    if (tool && its_kind && strcmp(tool, "sluice-bench") == 0 && strcmp(its_kind, kind) == 0) return json;
    fprintf(stderr, "sluice-bench %s: %s %s: expected what an earlier sluice-bench %s --json wrote (%s)\n", kind,
            option, path, kind, json ? "it is something else" : error.text);
    json_decref(json);
    return NULL;
}

const json_t *report_number(const json_t *root, const char *path)
{
    while (root && *path) {
        size_t len = strcspn(path, ".");
        char name[64];
        if (len >= sizeof(name)) return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        root = json_object_get(root, name);
        path += len + (path[len] == '.');
    }
    return json_is_number(root) ? root : NULL;
}

/* ---- latencies ---- */

static const struct {
    const char *name;  /* in JSON */
    const char *title; /* in tables */
    double quantile;
} points[] = {
    {"p50", "p50", 0.5},       {"p90", "p90", 0.9},          {"p99", "p99", 0.99},
    {"p99_9", "p99.9", 0.999}, {"p99_99", "p99.99", 0.9999}, {"max", "max", 1},
};
#define POINTS (sizeof(points) / sizeof(points[0]))

json_t *report_latency(const struct histogram *h)
{
    uint64_t count = histogram_count(h);
    json_t *json = must(json_pack("{s:I}", "count", (json_int_t)count));

    json_object_set_new(json, "mean", count ? must(json_real(histogram_mean(h))) : json_null());
    for (size_t i = 0; i < POINTS; i++) {
        json_t *value = json_null();
        if (count) value = must(json_integer((json_int_t)histogram_quantile(h, points[i].quantile)));
        json_object_set_new(json, points[i].name, value);
    }
    return json;
}

const char *report_format_ns(char *out, size_t size, uint64_t ns)
{
    static const struct {
        uint64_t above;
        double unit;
        const char *name;
    } scales[] = {{999500000, 1e9, "s"}, {999500, 1e6, "ms"}, {1000, 1e3, "us"}};

    for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
        if (ns < scales[i].above) continue;
        double n = (double)ns / scales[i].unit;
        snprintf(out, size, "%.*f %s", n < 9.995 ? 2 : n < 99.95 ? 1 : 0, n, scales[i].name);
        return out;
    }
    snprintf(out, size, "%u ns", (unsigned)ns);
    return out;
}

const char *report_format_count(char *out, size_t size, uint64_t n)
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), at = 0;

    for (size_t i = 0; i < len && at + 2 < size; i++) {
        if (i > 0 && (len - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    if (size) out[at < size ? at : size - 1] = '\0';
    return out;
}

void report_latency_head(FILE *out)
{
    fprintf(out, "  %-22s %13s", "latency", "count");
    for (size_t i = 0; i < POINTS; i++) {
        fprintf(out, " %9s", points[i].title);
    }
    fputc('\n', out);
}

void report_latency_row(FILE *out, const char *name, const struct histogram *h)
{
    uint64_t count = histogram_count(h);
    char text[32];

    fprintf(out, "  %-22s %13s", name, report_format_count(text, sizeof(text), count));
    for (size_t i = 0; i < POINTS; i++) {
        fprintf(out, " %9s",
                count ? report_format_ns(text, sizeof(text), histogram_quantile(h, points[i].quantile)) : "-");
    }
    fputc('\n', out);
}
