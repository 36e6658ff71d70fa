/*
 * How long does this machine alone keep a program? Touches so much memory for the first time, then reads bytes of
 * it at random for some seconds, in pieces as small as what a server does in a turn, and prints the longest of each
 * as JSON: by the clock, and by the CPU time that the system charged. A virtual machine may well need milliseconds
 * for what takes microseconds elsewhere, where the host has to find memory or to follow the page tables.
 *
 *     bare_stalls BYTES SECONDS
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE   4096
#define PAGES  8   /* touched in one piece: more than 50 sessions */
#define READS  128 /* in one piece: two for each of 64 sessions */
#define LOOKED 0x9e3779b97f4a7c15ULL

struct longest {
    uint64_t wall_ns, cpu_ns;
};

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void note(struct longest *l, uint64_t wall_ns, uint64_t cpu_ns)
{
    if (wall_ns > l->wall_ns) l->wall_ns = wall_ns;
    if (cpu_ns > l->cpu_ns) l->cpu_ns = cpu_ns;
}

static struct longest touch(volatile char *memory, size_t bytes)
{
    struct longest longest = {0, 0};
    for (size_t at = 0; at + PAGES * PAGE <= bytes; at += PAGES * PAGE) {
        uint64_t wall = read_clock(CLOCK_MONOTONIC), cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);
        for (size_t i = 0; i < PAGES; i++)
            memory[at + i * PAGE] = 1;
        cpu = read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu;
        note(&longest, read_clock(CLOCK_MONOTONIC) - wall, cpu);
    }
    return longest;
}

static struct longest look(const volatile char *memory, size_t bytes, uint64_t until_ns)
{
    struct longest longest = {0, 0};
    uint64_t dice = LOOKED;
    for (uint64_t wall; (wall = read_clock(CLOCK_MONOTONIC)) < until_ns;) {
        uint64_t cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < READS; i++) {
            dice = dice * 6364136223846793005ULL + 1442695040888963407ULL; /* D. Knuth's MMIX generator */
            (void)memory[(dice >> 20) % bytes];
        }
        cpu = read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu;
        note(&longest, read_clock(CLOCK_MONOTONIC) - wall, cpu);
    }
    return longest;
}

int main(int argc, char **argv)
{
    size_t bytes = argc > 2 ? strtoull(argv[1], NULL, 10) : 0;
    char *memory =
        bytes ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (memory == MAP_FAILED) return 1;
    (void)madvise(memory, bytes, MADV_NOHUGEPAGE);
    struct longest touched = touch(memory, bytes);
    uint64_t seconds = strtoull(argv[2], NULL, 10);
    struct longest read = look(memory, bytes, read_clock(CLOCK_MONOTONIC) + seconds * 1000000000U);
    printf("{\"touch_ns\": %" PRIu64 ", \"touch_cpu_ns\": %" PRIu64 ", \"read_ns\": %" PRIu64
           ", \"read_cpu_ns\": %" PRIu64 "}\n",
           touched.wall_ns, touched.cpu_ns, read.wall_ns, read.cpu_ns);
}
