/*
 * From arguments to bytes in the output buffer. Everything that goes on the line is checked first, so that no
 * key or tag can smuggle in a second request.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "clients/c/client.h"
#include "proto/number.h"
#include "proto/text/text.h"

enum sluice_status sluice_parse_ttl(const char *text, int64_t *ttl_ms)
{
    enum ttl_kind kind = TTL_DEFAULT;
    uint64_t ms = 0;

    if (!number_parse_ttl(slice_text(text), &kind, &ms)) return SLUICE_BAD_ARGUMENT;
    if (kind == TTL_DEFAULT)
        *ttl_ms = SLUICE_TTL_DEFAULT;
    else if (kind == TTL_NEVER)
        *ttl_ms = SLUICE_TTL_NEVER;
    else
        *ttl_ms = (int64_t)ms; /* at most TTL_MAX_MS */
    return SLUICE_OK;
}

static enum sluice_status set_ttl(struct sluice *s, struct request *request, int64_t ttl_ms)
{
    if (ttl_ms == SLUICE_TTL_DEFAULT) {
        request->ttl_kind = TTL_DEFAULT;
    } else if (ttl_ms == SLUICE_TTL_NEVER) {
        request->ttl_kind = TTL_NEVER;
    } else if (ttl_ms > 0 && (uint64_t)ttl_ms <= TTL_MAX_MS) {
        request->ttl_kind = TTL_RELATIVE;
        request->ttl_ms = (uint64_t)ttl_ms;
    } else {
        return sluice__fail(s, SLUICE_BAD_ARGUMENT, "a lifetime is 1 ms to 10 years");
    }
    return SLUICE_OK;
}

static enum sluice_status set_condition(struct sluice *s, struct request *request,
                                        const struct sluice_request_options *options)
{
    switch (options->condition) {
    case SLUICE_ALWAYS: request->condition = COND_NONE; return SLUICE_OK;
    case SLUICE_IF_ABSENT: request->condition = COND_ABSENT; break;
    case SLUICE_IF_PRESENT: request->condition = COND_PRESENT; break;
    case SLUICE_IF_VERSION:
        request->condition = COND_VERSION;
        request->if_version = options->version;
        if (options->version == 0) return sluice__fail(s, SLUICE_BAD_ARGUMENT, "a version is a positive number");
        break;
    default: return sluice__fail(s, SLUICE_BAD_ARGUMENT, "no such condition");
    }
    if (!op_allows_condition(request->op, request->condition))
        return sluice__fail(s, SLUICE_BAD_ARGUMENT, "%s takes no condition", op_name(request->op));
    return SLUICE_OK;
}

_Static_assert((int)SLUICE_PRIORITY_DEFAULT == PRIORITY_DEFAULT && (int)SLUICE_CRITICAL == PRIORITY_CRITICAL &&
                   (int)SLUICE_NORMAL == PRIORITY_NORMAL && (int)SLUICE_SHEDDABLE == PRIORITY_SHEDDABLE,
               "the library's classes have the numbers of the protocol's");

static enum sluice_status set_options(struct sluice *s, struct request *request,
                                      const struct sluice_request_options *options)
{
    if ((unsigned)options->priority > SLUICE_SHEDDABLE)
        return sluice__fail(s, SLUICE_BAD_ARGUMENT, "no such priority");
    request->priority = (enum priority)options->priority;
    if (options->deadline_ms > TTL_MAX_MS)
        return sluice__fail(s, SLUICE_BAD_ARGUMENT, "a deadline is at most 10 years");
    request->deadline_ms = options->deadline_ms;
    if (options->tag) {
        request->tag = slice_text(options->tag);
        if (!text_tag_valid(request->tag))
            return sluice__fail(s, SLUICE_BAD_ARGUMENT, "a tag is 1 to 32 letters, digits, '-' or '_'");
    }
    request->overtakes = options->early_refusal != 0;
    if (request->overtakes && !options->tag)
        return sluice__fail(s, SLUICE_BAD_ARGUMENT, "an early refusal needs a tag, which says whose it is");
    return set_condition(s, request, options);
}

static enum sluice_status check(struct sluice *s, const struct request *request)
{
    if (op_has_key(request->op) && !text_key_valid(request->key))
        return sluice__fail(s, SLUICE_BAD_ARGUMENT, "a key is 1 to 512 bytes without spaces or control characters");
    if (request->op == OP_CONFIG_SET && (!text_key_valid(request->key) || !text_key_valid(request->value)))
        return sluice__fail(s, SLUICE_BAD_ARGUMENT, "a setting is a key and a value without spaces");
    if (request->value.len > TEXT_COUNT_MAX)
        return sluice__fail(s, SLUICE_BAD_ARGUMENT, "a value is at most 2 GiB");
    return SLUICE_OK;
}

/* A place at the end of the ring of pending requests, or NULL when memory is out. */
static struct sluice__pending *pending_push(struct sluice *s)
{
    if (s->pending_len == s->pending_capacity) {
        size_t capacity = s->pending_capacity == 0 ? 16 : s->pending_capacity * 2;
        struct sluice__pending *bigger = calloc(capacity, sizeof *bigger);
        if (!bigger) return NULL;
        for (size_t i = 0; i < s->pending_len; i++)
            bigger[i] = s->pending[(s->pending_head + i) % s->pending_capacity];
        free(s->pending);
        s->pending = bigger;
        s->pending_capacity = capacity;
        s->pending_head = 0;
    }
    return &s->pending[(s->pending_head + s->pending_len++) % s->pending_capacity];
}

/* Encodes; what a lack of memory left half-written is taken back. */
static enum sluice_status encode(struct sluice *s, const struct request *request)
{
    size_t before = s->out.len;
    struct sluice__pending *pending = NULL;

    codec_text.encode_request(&s->out, request);
    if (!s->out.failed) pending = pending_push(s);
    if (!pending) {
        s->out.len = before;
        s->out.failed = false;
        return sluice__fail(s, SLUICE_NO_MEMORY, "no memory for a request of %zu bytes", request->value.len);
    }
    pending->op = (uint8_t)request->op;
    pending->early = request->overtakes;
    pending->tag_len = (uint8_t)request->tag.len;
    if (request->tag.len > 0) memcpy(pending->tag, request->tag.ptr, request->tag.len);
    return SLUICE_OK;
}

enum sluice_status sluice__append(struct sluice *s, struct request *request, int64_t ttl_ms,
                                  const struct sluice_request_options *options)
{
    enum sluice_status status = set_ttl(s, request, ttl_ms);

    if (status == SLUICE_OK && options) status = set_options(s, request, options);
    if (status == SLUICE_OK) status = check(s, request);
    if (status != SLUICE_OK) return status;
    if (s->link != LINK_UP) return sluice__not_connected(s);
    return encode(s, request);
}
