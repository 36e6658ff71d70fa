/*
 * Lets calls to the C library fail in a program that knows nothing of it (LD_PRELOAD). Which, the test says through
 * a file that both have mapped, and whose name is in FAULTS: a struct fault for each point. Of the calls since the
 * test wrote calls = 0, `times` fail with `error`, from the `first` on. Where `error` is 0, a recv or send takes
 * one byte.
 *
 * Of epoll_ctl, only the trial that libuv makes with a new descriptor: it ends the program itself where a later one
 * fails.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum point { ALLOCATE, MAP, RECEIVE, SEND, ACCEPT, WATCH, POINTS }; /* in the order of test_faults.py */

struct fault {
    _Atomic int64_t calls, first, times, error;
};

static struct fault *faults; /* NULL until the program's own initialisation begins */

__attribute__((constructor)) static void map_faults(void)
{
    const char *path = getenv("FAULTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *at = mmap(NULL, POINTS * sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED) faults = at;
}

/* True when this call must fail; errno is set then. */
static bool fails(enum point point)
{
    if (!faults) return false;
    struct fault *f = &faults[point];
    int64_t call = atomic_fetch_add(&f->calls, 1) + 1, first = atomic_load(&f->first);
    if (call < first || call >= first + atomic_load(&f->times)) return false;
    errno = (int)atomic_load(&f->error);
    return true;
}

/* The function that this one stands in front of. */
#define REAL(name)                 \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

void *malloc(size_t size)
{
    REAL(malloc);
    return fails(ALLOCATE) ? NULL : real(size);
}

void *calloc(size_t count, size_t size)
{
    REAL(calloc);
    return fails(ALLOCATE) ? NULL : real(count, size);
}

void *realloc(void *at, size_t size)
{
    REAL(realloc);
    return fails(ALLOCATE) ? NULL : real(at, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    REAL(aligned_alloc);
    return fails(ALLOCATE) ? NULL : real(alignment, size);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    REAL(mmap);
    return fails(MAP) ? MAP_FAILED : real(at, size, protection, flags, fd, offset);
}

ssize_t recv(int fd, void *into, size_t size, int flags)
{
    REAL(recv);
    if (!fails(RECEIVE)) return real(fd, into, size, flags);
    return errno ? -1 : real(fd, into, size < 1 ? size : 1, flags);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    REAL(send);
    if (!fails(SEND)) return real(fd, bytes, size, flags);
    return errno ? -1 : real(fd, bytes, size < 1 ? size : 1, flags);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    REAL(accept4);
    return fails(ACCEPT) ? -1 : real(fd, address, size, flags);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    REAL(epoll_ctl);
    bool trial = operation == EPOLL_CTL_ADD && event && event->data.fd == -1;
    return trial && fails(WATCH) ? -1 : real(epoll, operation, fd, event);
}
