/* Operations that need no table: what the daemon tells about itself. Any thread. */
#ifndef LOCAL_H
#define LOCAL_H

#include <stdbool.h>

#include "daemon/base/clock.h"
#include "daemon/base/metrics.h"
#include "proto/buffer.h"
#include "proto/call.h"
#include "proto/facts.h"

#define LOCAL_ERROR_MAX 512

struct local {
    const struct clock *clock;
    struct metrics *metrics; /* for STATS */
    void *ctx;               /* of what follows */
    /* CONFIG: appends the settings in force as a JSON object. */
    bool (*write_config)(void *ctx, struct buffer *out);
    /* CONFIG SET: NULL, or what is wrong, in `error`. */
    const char *(*set_config)(void *ctx, struct slice key, struct slice value, char error[LOCAL_ERROR_MAX]);
    /* FACTS: fills in all but the asking connection's part. */
    void (*gather_facts)(void *ctx, struct facts *f);
};

/* Answers the call, whose operation is not one on the table. */
void local_answer(const struct local *l, struct call *call);

/* Answers what of a batch needs no table. True if that was all of it: then the batch has its reply too. */
bool local_answer_parts(const struct local *l, struct call *call);

#endif
