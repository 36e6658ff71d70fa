/*
 * Batches over one blocking connection: write a batch, read its replies, keep what was refused for the next batch.
 * A batch is small enough for any queue bound, and its replies are too few to block the server.
 */
#include "bench/load/fill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/load/channel.h"
#include "bench/load/source.h"
#include "bench/load/tally.h"

#define BATCH        100
#define BATCH_BYTES  (1U << 20) /* a batch of large values is shorter */
#define TIMEOUT_MS   10000
#define REFUSAL_WAIT 1000000 /* ns to give a server that refused */

struct fill {
    const struct load_settings *settings;
    struct source source;
    struct channel channel;
    uint32_t keys[BATCH]; /* the batch; those refused are kept at the front */
    size_t kept;
    uint64_t next; /* key */
};

static bool complain(const struct fill *f, const char *what)
{
    fprintf(stderr, "sluice-bench: filling %s: %s\n", f->settings->target.text, what);
    return false;
}

/* Fills up and encodes the batch; returns its size. */
static size_t encode_batch(struct fill *f)
{
    size_t count = 0;

    while (count < BATCH && f->channel.out.len < BATCH_BYTES) {
        struct request request;
        if (count >= f->kept) {
            if (f->next == f->settings->keys.count) break;
            f->keys[count] = (uint32_t)f->next++;
        }
        source_put(&f->source, f->keys[count++], &request);
        f->settings->adapter->encode_request(&f->channel.out, &request);
    }
    return count;
}

static bool write_batch(struct fill *f)
{
    enum channel_status status = CHANNEL_BLOCKED;

    while (status == CHANNEL_BLOCKED) {
        size_t before = f->channel.written;
        status = channel_flush(&f->channel);
        if (status == CHANNEL_BLOCKED && f->channel.written == before) return complain(f, "no answer");
    }
    return status == CHANNEL_OK || complain(f, errno ? strerror(errno) : "out of memory");
}

static bool read_reply(struct fill *f, struct reply *reply)
{
    for (;;) {
        struct slice tag;
        switch (channel_reply(&f->channel, f->settings->adapter, reply, &tag)) {
        case DECODE_REQUEST: return true;
        case DECODE_MORE: break;
        default: return complain(f, "what it sends is no reply");
        }
        switch (channel_read(&f->channel)) {
        case CHANNEL_OK: break;
        case CHANNEL_BLOCKED: return complain(f, "no answer");
        case CHANNEL_GONE: return complain(f, "it closed the connection");
        }
    }
}

/* Reads the replies; keys that were refused go to the front of the batch. */
static bool read_batch(struct fill *f, size_t count)
{
    size_t refused = 0, untouched = f->kept > count ? f->kept - count : 0;

    for (size_t i = 0; i < count; i++) {
        struct reply reply;
        char text[160];
        if (!read_reply(f, &reply)) return false;
        enum outcome outcome = outcome_of(&reply);
        if (outcome_refused(outcome)) {
            f->keys[refused++] = f->keys[i];
        } else if (!outcome_executed(outcome)) {
            snprintf(text, sizeof(text), "it answered with an error: %.*s",
                     (int)(reply.body.len < 100 ? reply.body.len : 100), reply.body.ptr ? reply.body.ptr : "");
            return complain(f, text);
        }
    }
    memmove(f->keys + refused, f->keys + count, untouched * sizeof(f->keys[0]));
    f->kept = refused + untouched;
    if (refused > 0) nanosleep(&(struct timespec){.tv_nsec = REFUSAL_WAIT}, NULL);
    return true;
}

static bool run(struct fill *f, bool show_progress)
{
    for (uint64_t batches = 0;; batches++) {
        size_t count = encode_batch(f);
        if (count == 0) return true;
        if (!write_batch(f) || !read_batch(f, count)) return false;
        if (show_progress && batches % 512 == 0) {
            fprintf(stderr, "\rfilling: %llu of %llu keys ", (unsigned long long)f->next,
                    (unsigned long long)f->settings->keys.count);
        }
    }
}

bool fill_all(const struct load_settings *settings, bool show_progress)
{
    struct fill *f = calloc(1, sizeof(*f));
    bool ok = false;

    if (!f) return false;
    f->settings = settings;
    source_init(&f->source, settings, LOAD_THREADS_MAX);
    if (!channel_init(&f->channel)) {
        complain(f, "out of memory");
    } else {
        int fd = target_connect(&settings->target, TIMEOUT_MS);
        if (fd < 0) {
            complain(f, strerror(errno));
        } else {
            channel_attach(&f->channel, fd, CHANNEL_UP);
            ok = run(f, show_progress);
        }
    }
    if (show_progress) fprintf(stderr, "\r%-60s\r", "");
    channel_free(&f->channel);
    free(f);
    return ok;
}
