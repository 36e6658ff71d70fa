/* One log line as bytes: the pure half of the log. Thread-safe. */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stddef.h>
#include <time.h>

#include "daemon/base/log.h"
#include "daemon/base/siphash.h"

struct log_line {
    enum log_format format;
    enum log_level level;
    struct timespec when; /* of CLOCK_REALTIME */
    const char *msg;
    const struct log_field *fields; /* their names are plain identifiers */
    size_t count;
    const struct siphash_key *hash_key; /* for LOG_KEY */
};

/* Writes the line and its newline to out[0..LOG_LINE_MAX) and returns its length. */
size_t log_line_format(char *out, const struct log_line *line);

#endif
