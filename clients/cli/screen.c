/* Numbers for people, in columns. */
#include "clients/cli/screen.h"

#include <inttypes.h>
#include <string.h>

#include "clients/cli/output.h"

#define LINE_END "\033[K\n" /* and whatever stood on the rest of the line is gone */

struct text {
    char s[32];
};

/* "950", "12.3k", "4.56M": at most 6 characters. */
static struct text count_text(double n)
{
    static const char units[] = "kMGTPE";
    struct text t = {""};
    int unit = -1;

    while (n >= 999.5 && unit < 5) {
        n /= 1000;
        unit++;
    }
    if (unit < 0)
        snprintf(t.s, sizeof t.s, n < 9.95 && n > (double)(int)n ? "%.1f" : "%.0f", n);
    else
        snprintf(t.s, sizeof t.s, n < 9.995 ? "%.2f%c" : n < 99.95 ? "%.1f%c" : "%.0f%c", n, units[unit]);
    return t;
}

/* "12 B", "3.4 MiB". */
static struct text bytes_text(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct text t = {""};
    double n = (double)bytes;
    size_t unit = 0;

    while (n >= 1024 && unit < 4) {
        n /= 1024;
        unit++;
    }
    snprintf(t.s, sizeof t.s, unit == 0 ? "%.0f %s" : "%.1f %s", n, units[unit]);
    return t;
}

/* "850ns", "12.3us", "4.5ms", "1.2s"; "-" without a measurement. */
static struct text time_text(const struct reading_latency *l, uint64_t ns)
{
    struct text t = {"-"};

    if (l->count == 0) return t;
    if (ns < 1000)
        snprintf(t.s, sizeof t.s, "%" PRIu64 "ns", ns);
    else if (ns < 1000000)
        snprintf(t.s, sizeof t.s, "%.1fus", (double)ns / 1e3);
    else if (ns < 1000000000)
        snprintf(t.s, sizeof t.s, "%.1fms", (double)ns / 1e6);
    else
        snprintf(t.s, sizeof t.s, "%.1fs", (double)ns / 1e9);
    return t;
}

/* Events per second. A counter that went back means that the server has restarted. */
static double rate(const struct reading *before, const struct reading *now, uint64_t old, uint64_t new)
{
    int64_t ms = now->taken_ms - before->taken_ms;

    if (ms <= 0 || new < old) return 0;
    return (double)(new - old) * 1000 / (double)ms;
}

static void print_row(FILE *out, const char *name, const struct reading *before, const struct reading *now,
                      const struct reading_count *old, const struct reading_count *new)
{
    fprintf(out, "%-8s%10s%11s%11s", name, count_text(rate(before, now, old->done, new->done)).s,
            count_text(rate(before, now, old->refused, new->refused)).s,
            count_text(rate(before, now, old->failed, new->failed)).s);
}

static void print_head(FILE *out, const char *address, const struct reading *before, const struct reading *now)
{
    char uptime[48] = "?";

    if (now->uptime_ms > 0) output_duration(uptime, sizeof uptime, (int64_t)now->uptime_ms);
    fprintf(out, "%.40s  sluice %s  %s  up %s" LINE_END, address, now->version, now->backend, uptime);
    fprintf(out, LINE_END);
    fprintf(out, "sessions %-12s connections %-9" PRIu64 " memory %s" LINE_END, count_text((double)now->sessions).s,
            now->connections, bytes_text(now->memory).s);
    fprintf(out, "expired  %-12s ", count_text(rate(before, now, before->expired, now->expired)).s);
    if (now->queue_bound > 0) {
        fprintf(out, "queue %" PRIu64 " of %" PRIu64 ", at most %" PRIu64 " so far" LINE_END, now->queue_depth,
                now->queue_bound, now->queue_max);
    } else {
        fprintf(out, "no queue" LINE_END);
    }
    fprintf(out, LINE_END);
}

void screen_print(FILE *out, const char *address, const struct reading *before, const struct reading *now)
{
    struct reading_count old = reading_total(before);
    struct reading_count new = reading_total(now);

    print_head(out, address, before, now);
    fprintf(out, "per second    done    refused     failed     p50      p99     p99.9      max" LINE_END);
    for (int op = 0; op < READ_OPS; op++) {
        const struct reading_latency *l = &now->latency[op];
        print_row(out, reading_op_name((enum reading_op)op), before, now, &before->counts[op], &now->counts[op]);
        fprintf(out, "%10s%9s%9s%9s" LINE_END, time_text(l, l->p50).s, time_text(l, l->p99).s,
                time_text(l, l->p999).s, time_text(l, l->max).s);
    }
    print_row(out, "all", before, now, &old, &new);
    fprintf(out, LINE_END);
    fprintf(out, LINE_END "latencies: since the server started" LINE_END);
}

void screen_print_line(FILE *out, const struct reading *before, const struct reading *now)
{
    struct reading_count old = reading_total(before);
    struct reading_count new = reading_total(now);

    fprintf(out, "done_per_s=%.1f refused_per_s=%.1f failed_per_s=%.1f", rate(before, now, old.done, new.done),
            rate(before, now, old.refused, new.refused), rate(before, now, old.failed, new.failed));
    fprintf(out, " sessions=%" PRIu64 " connections=%" PRIu64 " memory_bytes=%" PRIu64, now->sessions,
            now->connections, now->memory);
    fprintf(out, " queue_depth=%" PRIu64 " queue_max=%" PRIu64 " queue_bound=%" PRIu64, now->queue_depth,
            now->queue_max, now->queue_bound);
    for (int op = READ_GET; op <= READ_PUT; op++) {
        const char *name = reading_op_name((enum reading_op)op);
        fprintf(out, " %s_p50_ns=%" PRIu64 " %s_p99_ns=%" PRIu64 " %s_p999_ns=%" PRIu64, name, now->latency[op].p50,
                name, now->latency[op].p99, name, now->latency[op].p999);
    }
    fputc('\n', out);
}
