#include "daemon/base/machine.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096 /* of /proc/self/cgroup */

/* ---- memory ---- */

/* The number at the start of a file behind `prefix`, or 0: no such file, or no number ("max"). */
static uint64_t read_number(const char *root, const char *path, const char *prefix)
{
    char name[PATH_MAX], line[256];
    unsigned long long n = 0;
    if ((size_t)snprintf(name, sizeof name, "%s%s", root, path) >= sizeof name) return 0;
    FILE *f = fopen(name, "re");
    if (!f) return 0;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, prefix, strlen(prefix)) != 0) continue;
        if (sscanf(line + strlen(prefix), "%llu", &n) != 1) n = 0;
        break;
    }
    fclose(f);
    return n;
}

/* A group is bound by its own limit and by those of all groups around it; of each there may be a file, or none. */
static void cap(struct machine *m, const char *root, const char *mount, const char *group, const char *file)
{
    char path[LINE_MAX_BYTES];
    size_t len = strlen(group);
    for (;;) {
        if ((size_t)snprintf(path, sizeof path, "%s%.*s/%s", mount, (int)len, group, file) < sizeof path) {
            uint64_t limit = read_number(root, path, "");
            if (limit > 0 && (m->memory == 0 || limit < m->memory)) {
                m->memory = limit;
                m->memory_capped = true;
            }
        }
        if (len == 0) return;
        const char *slash = memrchr(group, '/', len);
        len = slash ? (size_t)(slash - group) : 0;
    }
}

/* A line of /proc/self/cgroup: "number:controllers:/group"; version 2 is number 0 and names no controllers. */
static void cap_by(struct machine *m, const char *root, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) return;
    *controllers++ = '\0';
    *group++ = '\0';
    if (strcmp(line, "0") == 0) {
        cap(m, root, "/sys/fs/cgroup", group, "memory.max");
        cap(m, root, "/sys/fs/cgroup", group, "memory.high"); /* beyond it the system slows the process down */
        return;
    }
    for (char *rest = controllers, *one; (one = strsep(&rest, ","));)
        if (strcmp(one, "memory") == 0) cap(m, root, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
}

static void read_memory(struct machine *m, const char *root)
{
    char name[PATH_MAX], line[LINE_MAX_BYTES];
    m->memory = read_number(root, "/proc/meminfo", "MemTotal:") * 1024;
    if ((size_t)snprintf(name, sizeof name, "%s/proc/self/cgroup", root) >= sizeof name) return;
    FILE *f = fopen(name, "re");
    if (!f) return;
    while (fgets(line, sizeof line, f))
        cap_by(m, root, line);
    fclose(f);
}

/* ---- all of it ---- */

void machine_read(struct machine *m, const char *root)
{
    cpu_set_t set;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    *m = (struct machine){.processors = online < 1 ? 1 : (uint32_t)online};
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (unsigned cpu = 0; cpu < THREAD_CPUS_MAX; cpu++)
            if (CPU_ISSET(cpu, &set)) m->allowed.bits[cpu / 64] |= UINT64_C(1) << cpu % 64;
    }
    read_memory(m, root);
}

int resident_open(void)
{
    return open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

uint64_t resident_bytes(int fd)
{
    char text[128];
    unsigned long long pages = 0;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0) return 0;
    text[n] = '\0';
    if (sscanf(text, "%*u %llu", &pages) != 1) return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
