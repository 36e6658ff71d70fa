/*
 * Log lines on their way out.
 *
 *     log_write -> format on the caller's stack -> copy into the buffer -> writing thread -> write(2)
 *                                                        full: count
 *
 * The lock guards everything but is never held over a write, so a caller waits for a copy of one line at most. The
 * writing thread writes straight from the buffer: callers only touch the free part of it.
 */
#include "daemon/base/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/log_line.h"
#include "daemon/base/thread.h"

#define BUFFER_SIZE  ((size_t)256 * 1024)
#define CHUNK_MAX    ((size_t)16 * 1024) /* bytes a write: room comes back in steps of this */
#define STOP_WAIT_MS 1000

enum state {
    DIRECT,    /* no thread; callers write themselves */
    RUNNING,   /* the thread writes */
    STOPPING,  /* the thread writes what is left, then ends */
    FINISHED,  /* the thread has written everything; log_stop clears up */
    ABANDONED, /* the thread is stuck in a write that log_stop did not wait for; lines are dropped */
};

struct logger {
    pthread_mutex_t lock;
    pthread_cond_t work; /* to the thread: there is something to write, or the end */
    pthread_cond_t done; /* from the thread: FINISHED */
    pthread_t thread;
    enum state state;
    _Atomic enum log_level level;
    _Atomic enum log_format format;
    int fd;
    char *buffer; /* a ring of BUFFER_SIZE bytes while there is a thread */
    size_t head;  /* where the oldest byte is */
    size_t len;
    uint64_t dropped;    /* lines, ever */
    uint64_t unreported; /* of these, not yet logged as dropped */
    pthread_once_t hash_once;
    struct siphash_key hash_key;
};

static struct logger logger = {/* mutable on purpose: standard error is one per process, and so is its logger */
                               .lock = PTHREAD_MUTEX_INITIALIZER,
                               .level = LOG_INFO,
                               .fd = STDERR_FILENO,
                               .hash_once = PTHREAD_ONCE_INIT};

static void make_hash_key(void)
{
    logger.hash_key = siphash_random_key();
}

static size_t format_line(char *out, enum log_level level, const char *msg, const struct log_field *fields,
                          size_t count)
{
    struct log_line line = {.level = level, .msg = msg, .fields = fields, .count = count};

    line.format = atomic_load_explicit(&logger.format, memory_order_relaxed);
    pthread_once(&logger.hash_once, make_hash_key);
    line.hash_key = &logger.hash_key;
    clock_gettime(CLOCK_REALTIME, &line.when);
    return log_line_format(out, &line);
}

/* Waits as long as it takes. Bytes that the descriptor refuses for good are lost: there is nobody to tell. */
static void write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            return;
        }
    }
}

/* Copies a line into the ring; false when there is no room. Holds the lock. */
static bool enqueue(struct logger *l, const char *line, size_t len)
{
    if (len > BUFFER_SIZE - l->len) return false;

    size_t tail = (l->head + l->len) % BUFFER_SIZE;
    size_t first = len < BUFFER_SIZE - tail ? len : BUFFER_SIZE - tail;
    memcpy(l->buffer + tail, line, first);
    memcpy(l->buffer, line + first, len - first);
    l->len += len;
    return true;
}

/* Logs how many lines were dropped. Waits for half the buffer to be free, so that a buffer that is just full does
 * not fill with reports. Holds the lock. */
static void report_dropped(struct logger *l)
{
    char line[LOG_LINE_MAX];

    if (!l->unreported || l->len > BUFFER_SIZE / 2) return;

    size_t len = format_line(line, LOG_WARN, "log lines dropped", &LOG_U64("lines", l->unreported), 1);
    bool fitted = enqueue(l, line, len);
    assert(fitted);
    l->unreported = 0;
}

/* Back to direct writing; the thread has let go of everything. Holds the lock. */
static void clear_up(struct logger *l)
{
    free(l->buffer);
    l->buffer = NULL;
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->done);
    l->fd = STDERR_FILENO;
    l->state = DIRECT;
}

static void *write_lines(void *arg)
{
    struct logger *l = arg;

    pthread_mutex_lock(&l->lock);
    while (l->state != ABANDONED) {
        report_dropped(l);
        if (!l->len) {
            if (l->state == STOPPING) break;
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        size_t chunk = l->len < CHUNK_MAX ? l->len : CHUNK_MAX;
        if (chunk > BUFFER_SIZE - l->head) chunk = BUFFER_SIZE - l->head;

        pthread_mutex_unlock(&l->lock);
        write_all(l->fd, l->buffer + l->head, chunk);
        pthread_mutex_lock(&l->lock);
        l->head = (l->head + chunk) % BUFFER_SIZE;
        l->len -= chunk;
    }
    if (l->state == ABANDONED) {
        clear_up(l);
    } else {
        l->state = FINISHED;
        pthread_cond_signal(&l->done);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* Holds the lock, state DIRECT. 0 or an error number. */
static int start(struct logger *l, enum log_level level, enum log_format format, int fd)
{
    pthread_condattr_t monotonic;

    l->buffer = malloc(BUFFER_SIZE);
    if (!l->buffer) return ENOMEM;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->work, &monotonic);
    pthread_cond_init(&l->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    l->head = 0;
    l->len = 0;
    l->fd = fd;
    l->state = RUNNING;

    int error = thread_start(&l->thread, "sluice-log", write_lines, l);
    if (error) {
        clear_up(l);
        return error;
    }
    atomic_store_explicit(&l->level, level, memory_order_relaxed);
    atomic_store_explicit(&l->format, format, memory_order_relaxed);
    return 0;
}

bool log_start_fd(enum log_level level, enum log_format format, int fd)
{
    struct logger *l = &logger;

    pthread_mutex_lock(&l->lock);
    int error = l->state == DIRECT ? start(l, level, format, fd) : EBUSY;
    pthread_mutex_unlock(&l->lock);
    if (error) errno = error;
    return !error;
}

bool log_start(enum log_level level, enum log_format format)
{
    return log_start_fd(level, format, STDERR_FILENO);
}

bool log_stop(void)
{
    return log_stop_within(STOP_WAIT_MS);
}

bool log_stop_within(unsigned max_wait_ms)
{
    struct logger *l = &logger;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += max_wait_ms / 1000;
    until.tv_nsec += (long)(max_wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }

    pthread_mutex_lock(&l->lock);
    if (l->state != RUNNING) {
        bool stopped = l->state == DIRECT;
        pthread_mutex_unlock(&l->lock);
        return stopped;
    }
    l->state = STOPPING;
    pthread_cond_signal(&l->work);

    int late = 0;
    while (l->state == STOPPING && !late)
        late = pthread_cond_timedwait(&l->done, &l->lock, &until);
    if (l->state == STOPPING) {
        l->state = ABANDONED;
        pthread_detach(l->thread);
        pthread_mutex_unlock(&l->lock);
        return false;
    }
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    pthread_mutex_lock(&l->lock);
    clear_up(l);
    pthread_mutex_unlock(&l->lock);
    return true;
}

bool log_enabled(enum log_level level)
{
    return level >= atomic_load_explicit(&logger.level, memory_order_relaxed);
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
    struct logger *l = &logger;
    char line[LOG_LINE_MAX];

    if (!log_enabled(level)) return;

    /* Outside the lock: formatting is the long part. */
    size_t len = format_line(line, level, msg, fields, count);

    pthread_mutex_lock(&l->lock);
    bool direct = l->state == DIRECT || l->state == FINISHED;
    int fd = l->fd;
    if (!direct) {
        if (l->state != ABANDONED && enqueue(l, line, len)) {
            pthread_cond_signal(&l->work);
        } else {
            l->dropped++;
            l->unreported++;
        }
    }
    pthread_mutex_unlock(&l->lock);
    if (direct) write_all(fd, line, len);
}

uint64_t log_dropped(void)
{
    struct logger *l = &logger;

    pthread_mutex_lock(&l->lock);
    uint64_t n = l->dropped;
    pthread_mutex_unlock(&l->lock);
    return n;
}
