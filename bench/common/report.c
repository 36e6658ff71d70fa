#include "bench/common/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
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
    while (f && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        colon += strspn(colon, ": ");
        snprintf(out, size, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (f) fclose(f);
}

static json_t *machine(void)
{
    struct utsname u = {0};
    char model[128];
    long page = sysconf(_SC_PAGESIZE), pages = sysconf(_SC_PHYS_PAGES);
    double load = 0;
    (void)uname(&u);
    (void)getloadavg(&load, 1);
    cpu_model(model, sizeof model);
    /* The load before the run tells whether others were busy on the machine. */
    return json_pack("{s:i, s:s, s:s, s:s, s:I, s:f}", "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN), "cpu_model",
                     model, "kernel", u.release, "architecture", u.machine, "memory_bytes",
                     (json_int_t)page * (json_int_t)pages, "load_average_before", load);
}

static json_t *must(json_t *json)
{
    if (!json) {
        report_fail("out of memory");
        exit(1);
    }
    return json;
}

static json_t *head(const char *kind, int argc, char **argv, json_t *options)
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
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    return must(json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:O, s:O}", "tool", "sluice-bench", "version",
                          SLUICE_VERSION, "kind", kind, "command", command, "date", date, "machine",
                          must(machine()), "seed", json_object_get(options, "seed"), "options", options));
}

/* ---- files ---- */

bool report_fail(const char *format, ...)
{
    va_list args;
    fputs("sluice-bench: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return false;
}

static bool unwritable(const char *path)
{
    return report_fail("cannot write %s: %s", path, strerror(errno));
}

bool report_begin(struct report *r, const char *kind, int argc, char **argv, json_t *options, const char *path)
{
    *r = (struct report){head(kind, argc, argv, options), NULL, path};
    if (!path) return true;
    int fd = strcmp(path, "-") == 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    r->file = strcmp(path, "-") == 0 ? stdout : fd < 0 ? NULL : fdopen(fd, "w"); /* which empties nothing */
    return r->file || unwritable(path);
}

bool report_end(struct report *r, json_t *results)
{
    FILE *f = r->file;
    bool ok = results;
    if (ok) report_print(f == stdout ? stderr : stdout, results);
    if (ok) json_object_set_new(r->document, "results", results);
    if (ok && f) {
        /* A pipe or a device has no length to cut: that is no failure. */
        ok = f == stdout || ftruncate(fileno(f), 0) == 0 || errno == EINVAL;
        ok = json_dumpf(r->document, f, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) == 0 && fputc('\n', f) != EOF &&
             ok;
    }
    if (f) ok = (f == stdout ? fflush(f) : fclose(f)) == 0 && ok;
    if (results && !ok) unwritable(r->path);
    json_decref(r->document);
    *r = (struct report){0};
    return ok;
}

/* ---- latencies ---- */

json_t *report_latency(const struct histogram *h)
{
    static const struct {
        const char *name;
        double quantile;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}, {"p99_99", 0.9999}, {"max", 1}};
    uint64_t count = histogram_count(h);
    json_t *json = must(json_pack("{s:I}", "count", (json_int_t)count));

    json_object_set_new(json, "mean", count ? must(json_real(histogram_mean(h))) : json_null());
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        json_t *value = json_null();
        if (count) value = must(json_integer((json_int_t)histogram_quantile(h, points[i].quantile)));
        json_object_set_new(json, points[i].name, value);
    }
    return json;
}

json_t *report_distribution(const struct histogram *h)
{
    json_t *list = must(json_array());
    uint64_t max = histogram_max(h);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t n = atomic_load_explicit(&h->buckets[i], memory_order_acquire), edge = histogram_bucket_edge(i);
        if (!n) continue;
        json_array_append_new(list,
                              must(json_pack("[I, I]", (json_int_t)(edge < max ? edge : max), (json_int_t)n)));
    }
    return list;
}

/* ---- for people ---- */

const char *report_format_ns(char *out, size_t size, uint64_t ns)
{
    static const struct {
        uint64_t above;
        double unit;
        const char *name;
    } scales[] = {{999500000, 1e9, "s"}, {999500, 1e6, "ms"}, {1000, 1e3, "us"}};

    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
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
    size_t len = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;
    for (size_t i = 0; i < len && at + 2 < size; i++) {
        if (i > 0 && (len - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    if (size) out[at < size ? at : size - 1] = '\0';
    return out;
}

/* A value of a member whose name, or that of an object around it, ends in "_ns" is a duration. */
static void print_value(FILE *out, const char *name, const json_t *value, bool ns)
{
    char text[32] = "";
    double n = json_number_value(value);
    if (json_is_integer(value) || n >= 1000) report_format_count(text, sizeof text, (uint64_t)n);
    if (json_is_real(value) && n < 1000) snprintf(text, sizeof text, "%.3f", n);
    if (json_is_number(value) && ns) report_format_ns(text, sizeof text, (uint64_t)n);
    if (json_is_string(value)) snprintf(text, sizeof text, "%s", json_string_value(value));
    if (json_is_boolean(value)) snprintf(text, sizeof text, "%s", json_is_true(value) ? "yes" : "no");
    fprintf(out, " %s %s ", name, *text ? text : "-");
}

static bool is_ns(const char *name)
{
    size_t len = strlen(name);
    return (len >= 3 && strcmp(name + len - 3, "_ns") == 0) || strstr(name, "_ns_per");
}

static void print_tree(FILE *out, const char *name, const json_t *json, bool ns)
{
    const char *member = NULL;
    json_t *value = NULL;
    size_t i = 0;
    char path[128];
    json_object_foreach((json_t *)json, member, value)
    {
        if (json_is_object(value) || json_is_array(value)) continue;
        if (i++ == 0 && *name) fprintf(out, "%s:", name);
        print_value(out, member, value, (ns && strcmp(member, "count") != 0) || is_ns(member));
    }
    if (i > 0) fputc('\n', out);
    json_object_foreach((json_t *)json, member, value)
    {
        snprintf(path, sizeof path, "%s%s%s", name, *name ? "." : "", member);
        if (json_is_object(value) || json_is_array(value)) print_tree(out, path, value, ns || is_ns(member));
    }
    json_array_foreach(json, i, value)
    {
        if (json_is_object(value)) print_tree(out, name, value, ns);
        if (json_is_string(value)) fprintf(out, "%s: %s\n", name, json_string_value(value));
    }
}

void report_print(FILE *out, const json_t *results)
{
    print_tree(out, "", results, false);
}
