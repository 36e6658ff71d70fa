#include "bench/load/server_cpu.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH 128

/* Reads a file of /proc whole; false when it is not there (the thread may just have ended). */
static bool slurp(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    if (!f) return false;
    size_t n = fread(out, 1, size - 1, f);
    fclose(f);
    out[n] = '\0';
    return n > 0;
}

/* The fields 14 and 15 of stat: user and system time in ticks. The name in parentheses may hold anything. */
static bool ticks_ns(const char *folder, uint64_t *out)
{
    char path[PATH + 16], text[512];
    unsigned long long user = 0, system = 0;
    long hz = sysconf(_SC_CLK_TCK);

    snprintf(path, sizeof(path), "%.100s/stat", folder);
    if (hz <= 0 || !slurp(path, text, sizeof(text))) return false;
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2) {
        return false;
    }
    *out = (user + system) * (UINT64_C(1000000000) / (uint64_t)hz);
    return true;
}

static bool read_thread(struct server_thread *t, const char *folder)
{
    char path[PATH + 16], text[128];
    unsigned long long ns = 0;

    snprintf(path, sizeof(path), "%.100s/schedstat", folder);
    if (slurp(path, text, sizeof(text)) && sscanf(text, "%llu", &ns) == 1) {
        t->cpu_ns = ns;
    } else if (!ticks_ns(folder, &t->cpu_ns)) {
        return false;
    }
    snprintf(path, sizeof(path), "%.100s/comm", folder);
    if (!slurp(path, text, sizeof(text))) return false;
    snprintf(t->name, sizeof(t->name), "%.*s", (int)strcspn(text, "\n"), text);
    return true;
}

bool server_cpu_read(struct server_cpu *out, uint64_t pid)
{
    char path[PATH];
    struct dirent *entry = NULL;

    out->count = 0;
    snprintf(path, sizeof(path), "/proc/%llu/task", (unsigned long long)pid);
    DIR *folder = opendir(path);
    if (!folder) return false;
    while (out->count < SERVER_CPU_THREADS && (entry = readdir(folder))) {
        struct server_thread *t = &out->threads[out->count];
        t->tid = atoi(entry->d_name);
        if (t->tid <= 0) continue;
        snprintf(path, sizeof(path), "/proc/%llu/task/%d", (unsigned long long)pid, t->tid);
        if (read_thread(t, path)) out->count++;
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
