#include "bench/load/result.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads the first line of a thread's file in /proc; false when it is not there (the thread may just have ended). */
static bool read_line(uint64_t pid, int tid, const char *name, char *out, int size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/task/%d/%s", pid, tid, name);
    FILE *f = fopen(path, "re");
    bool ok = f && fgets(out, size, f);
    if (f) fclose(f);
    return ok;
}

static bool read_thread(struct server_thread *t, uint64_t pid)
{
    char text[128];
    if (!read_line(pid, t->tid, "schedstat", text, sizeof text) || sscanf(text, "%" SCNu64, &t->cpu_ns) != 1)
        return false;
    if (!read_line(pid, t->tid, "comm", text, sizeof text)) return false;
    snprintf(t->name, sizeof t->name, "%.*s", (int)strcspn(text, "\n"), text);
    return true;
}

bool server_cpu_read(struct server_cpu *out, uint64_t pid)
{
    char path[64];
    struct dirent *entry = NULL;
    out->count = 0;
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/task", pid);
    DIR *folder = opendir(path);
    if (!folder) return false;
    while (out->count < SERVER_CPU_THREADS && (entry = readdir(folder))) {
        struct server_thread *t = &out->threads[out->count];
        t->tid = atoi(entry->d_name);
        if (t->tid > 0 && read_thread(t, pid)) out->count++;
    }
    closedir(folder);
    return out->count > 0;
}

uint64_t server_cpu_since(struct server_cpu *after, const struct server_cpu *before)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < after->count; i++) {
        struct server_thread *t = &after->threads[i];
        for (size_t k = 0; k < before->count; k++) {
            if (before->threads[k].tid != t->tid || before->threads[k].cpu_ns > t->cpu_ns) continue;
            t->cpu_ns -= before->threads[k].cpu_ns;
            break;
        }
        sum += t->cpu_ns;
    }
    return sum;
}
