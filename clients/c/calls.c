/* The synchronous calls: one request, then its reply. */
#include "clients/c/client.h"

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
    result->status = sluice__append(s, request, ttl_ms, options);
    if (result->status != SLUICE_OK) return result->status;
    return sluice_receive(s, result);
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
