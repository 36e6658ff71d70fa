/*
 * Structured log lines on standard error, logfmt or JSON. Never blocks the caller: lines go into a bounded
 * buffer that one thread writes out; when it is full, lines are dropped and their number is logged once there is
 * room again. Thread-safe.
 *
 *     log_info("listener open", LOG_STR("address", text), LOG_U64("loops", n));
 *     -> ts=2026-01-31T12:00:00.123Z level=info msg="listener open" address=127.0.0.1:7811 loops=2
 *
 * A line is at most LOG_LINE_MAX bytes long; one that would be longer is cut and ends with truncated=true. Text
 * that is not plain UTF-8 is escaped: control characters as \u001b, other bytes as \\xff.
 *
 * A session key is never logged in clear: LOG_KEY prints a short hash of it, keyed per process.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 2048

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
    enum { LOG_FIELD_STR, LOG_FIELD_BYTES, LOG_FIELD_U64, LOG_FIELD_I64, LOG_FIELD_KEY, LOG_FIELD_END } kind;
    const char *name;
    const char *ptr;
    size_t len;
    uint64_t number;
};

#define LOG_STR(name_, text_)        ((struct log_field){LOG_FIELD_STR, (name_), (text_), 0, 0})
#define LOG_BYTES(name_, ptr_, len_) ((struct log_field){LOG_FIELD_BYTES, (name_), (ptr_), (len_), 0})
#define LOG_U64(name_, n_)           ((struct log_field){LOG_FIELD_U64, (name_), NULL, 0, (uint64_t)(n_)})
#define LOG_I64(name_, n_)           ((struct log_field){LOG_FIELD_I64, (name_), NULL, 0, (uint64_t)(int64_t)(n_)})
#define LOG_KEY(name_, ptr_, len_)   ((struct log_field){LOG_FIELD_KEY, (name_), (ptr_), (len_), 0})

/* Starts the writing thread. Before it, and after log_stop, lines are written directly to standard error, from
 * level info on before the first start. False: errno says why; EBUSY when it is running, or still stuck after
 * log_stop. */
bool log_start(enum log_level level, enum log_format format);
/* The same with another descriptor in place of standard error, borrowed until log_stop has returned true. */
bool log_start_fd(enum log_level level, enum log_format format, int fd);

/* Writes out what is buffered, waiting at most a second (or max_wait_ms) for a stuck standard error, and ends the
 * thread. False when it gave up: what was left is lost, and lines are dropped until the stuck write comes back. */
bool log_stop(void);
bool log_stop_within(unsigned max_wait_ms);

bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count);
uint64_t log_dropped(void); /* lines lost so far because there was no room for them */

/* log_info("text") or log_info("text", field, ...). LOG_END ends the fields, so that there may be none. */
#define LOG_END ((struct log_field){LOG_FIELD_END, NULL, NULL, 0, 0})
#define LOG_AT(level_, ...)                                                        \
    do {                                                                           \
        if (log_enabled(level_)) LOG_AT_WITH_END_((level_), __VA_ARGS__, LOG_END); \
    } while (0)
#define LOG_AT_WITH_END_(level_, msg_, ...)                                                       \
    do {                                                                                          \
        const struct log_field log_fields_[] = {__VA_ARGS__};                                     \
        log_write((level_), (msg_), log_fields_, sizeof log_fields_ / sizeof log_fields_[0] - 1); \
    } while (0)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)

#endif
