/*
 * Structured log lines on standard error, logfmt or JSON. Never blocks the caller: lines go into a bounded
 * buffer that one thread writes out; when it is full, lines are dropped and their number is logged once there is
 * room again. Thread-safe.
 *
 *     log_info("listener open", LOG_STR("address", text), LOG_U64("loops", n));
 *     -> ts=2026-01-31T12:00:00.123Z level=info msg="listener open" address=127.0.0.1:7811 loops=2
 *
 * A session key is never logged in clear: LOG_KEY prints a short hash of it, keyed per process.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
    enum { LOG_FIELD_STR, LOG_FIELD_BYTES, LOG_FIELD_U64, LOG_FIELD_I64, LOG_FIELD_KEY } kind;
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

/* Starts the writing thread. Before it, and after log_stop, lines are written directly. False: errno says why. */
bool log_start(enum log_level level, enum log_format format);

/* Writes out what is buffered (waiting at most a second for a stuck standard error) and ends the thread. */
void log_stop(void);

bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count);
uint64_t log_dropped(void); /* lines lost so far because the buffer was full */

#define LOG_AT(level_, msg_, ...)                                                                 \
    do {                                                                                          \
        if (log_enabled(level_)) {                                                                \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                 \
            log_write((level_), (msg_), log_fields_, sizeof log_fields_ / sizeof log_fields_[0]); \
        }                                                                                         \
    } while (0)
#define log_debug(msg_, ...) LOG_AT(LOG_DEBUG, msg_, __VA_ARGS__)
#define log_info(msg_, ...)  LOG_AT(LOG_INFO, msg_, __VA_ARGS__)
#define log_warn(msg_, ...)  LOG_AT(LOG_WARN, msg_, __VA_ARGS__)
#define log_error(msg_, ...) LOG_AT(LOG_ERROR, msg_, __VA_ARGS__)

#endif
