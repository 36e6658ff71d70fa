/* The synchronous calls: one request, then its reply; again if the server was overloaded. */
#include <poll.h>

#include "clients/c/client.h"

/* Uniform in [0, 1): xorshift64 (G. Marsaglia, 2003). */
static double roll(struct sluice *s)
{
    s->dice ^= s->dice << 13;
    s->dice ^= s->dice >> 7;
    s->dice ^= s->dice << 17;
    return (double)(s->dice >> 11) / (double)(UINT64_C(1) << 53);
}

/* Waits before the next attempt, unless the call has no time left for that. */
static bool wait_for_next(int wait_ms, int64_t deadline)
{
    int left = sluice__remaining(deadline);

    if (left >= 0 && wait_ms >= left) return false;
    while (wait_ms > 0) {
        int64_t until = sluice__deadline(wait_ms);
        (void)poll(NULL, 0, wait_ms);
        wait_ms = sluice__remaining(until); /* a signal may have cut it short */
    }
    return true;
}

/* Sends the request until it is taken on, as far as the rules of retry.h and the deadline allow. */
static enum sluice_status attempt(struct sluice *s, struct request *request, int64_t ttl_ms,
                                  const struct sluice_request_options *options, struct sluice_result *result)
{
    int64_t deadline = sluice__deadline(s->request_timeout_ms);

    for (int n = 1;; n++) {
        enum sluice_status status = sluice__append(s, request, ttl_ms, options);
        int wait_ms = -1;

        result->status = status;
        if (status != SLUICE_OK) return status;
        status = sluice__receive(s, deadline, result);
        result->attempts = n;
        if (status == SLUICE_OVERLOADED) wait_ms = sluice__retry_wait(&s->retry, n, result->retry_ms, roll(s));
        if (wait_ms < 0 || !wait_for_next(wait_ms, deadline)) return status;
    }
}

static enum sluice_status call(struct sluice *s, struct request *request, int64_t ttl_ms,
                               const struct sluice_request_options *options, struct sluice_result *result)
{
    *result = (struct sluice_result){0};
    if (s->pending_len > 0) {
        result->status =
            sluice__fail(s, SLUICE_BAD_ARGUMENT,
                         "%zu pipelined requests wait for their replies: receive these first", s->pending_len);
        return result->status;
    }
    if (!sluice__retry_begin(&s->retry, sluice__now_ms(), roll(s))) {
        result->throttled = 1;
        result->status =
            sluice__fail(s, SLUICE_OVERLOADED, "not sent: %s refused most calls of late, so some are held back",
                         s->address.text);
        return result->status;
    }
    enum sluice_status status = attempt(s, request, ttl_ms, options, result);
    sluice__retry_end(&s->retry, status != SLUICE_OVERLOADED);
    return status;
}

/* An operation without key, value or lifetime. */
static enum sluice_status call_plain(struct sluice *s, enum op op, const struct sluice_request_options *options,
                                     struct sluice_result *result)
{
    struct request request = {.op = op};

    return call(s, &request, SLUICE_TTL_DEFAULT, options, result);
}

enum sluice_status sluice_get(struct sluice *s, struct sluice_bytes key,
                              const struct sluice_request_options *options, struct sluice_result *result)
{
    struct request request = {.op = OP_GET, .key = sluice__slice(key)};

    return call(s, &request, SLUICE_TTL_DEFAULT, options, result);
}

enum sluice_status sluice_put(struct sluice *s, struct sluice_bytes key, struct sluice_bytes value, int64_t ttl_ms,
                              const struct sluice_request_options *options, struct sluice_result *result)
{
    struct request request = {.op = OP_PUT, .key = sluice__slice(key), .value = sluice__slice(value)};

    return call(s, &request, ttl_ms, options, result);
}

enum sluice_status sluice_delete(struct sluice *s, struct sluice_bytes key,
                                 const struct sluice_request_options *options, struct sluice_result *result)
{
    struct request request = {.op = OP_DELETE, .key = sluice__slice(key)};

    return call(s, &request, SLUICE_TTL_DEFAULT, options, result);
}

enum sluice_status sluice_touch(struct sluice *s, struct sluice_bytes key, int64_t ttl_ms,
                                const struct sluice_request_options *options, struct sluice_result *result)
{
    struct request request = {.op = OP_TOUCH, .key = sluice__slice(key)};

    return call(s, &request, ttl_ms, options, result);
}

enum sluice_status sluice_len(struct sluice *s, const struct sluice_request_options *options,
                              struct sluice_result *result)
{
    return call_plain(s, OP_LEN, options, result);
}

enum sluice_status sluice_ping(struct sluice *s, const struct sluice_request_options *options,
                               struct sluice_result *result)
{
    return call_plain(s, OP_PING, options, result);
}

enum sluice_status sluice_stats(struct sluice *s, const struct sluice_request_options *options,
                                struct sluice_result *result)
{
    return call_plain(s, OP_STATS, options, result);
}

enum sluice_status sluice_config(struct sluice *s, const struct sluice_request_options *options,
                                 struct sluice_result *result)
{
    return call_plain(s, OP_CONFIG, options, result);
}

enum sluice_status sluice_config_set(struct sluice *s, struct sluice_bytes key, struct sluice_bytes value,
                                     const struct sluice_request_options *options, struct sluice_result *result)
{
    struct request request = {.op = OP_CONFIG_SET, .key = sluice__slice(key), .value = sluice__slice(value)};

    return call(s, &request, SLUICE_TTL_DEFAULT, options, result);
}

enum sluice_status sluice_help(struct sluice *s, const struct sluice_request_options *options,
                               struct sluice_result *result)
{
    return call_plain(s, OP_HELP, options, result);
}

enum sluice_status sluice_version(struct sluice *s, const struct sluice_request_options *options,
                                  struct sluice_result *result)
{
    return call_plain(s, OP_VERSION, options, result);
}
