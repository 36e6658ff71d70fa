/* The client's side: requests to bytes, and bytes to replies. */
#include <assert.h>

#include "proto/number.h"
#include "proto/text/grammar.h"
#include "proto/text/text.h"

/* ---- requests ---- */

/* Starts a modifier: '@' before the first, ';' between. */
static void append_modifier(struct buffer *out, char *separator, const char *name)
{
    buffer_append(out, separator, 1);
    buffer_append_text(out, name);
    *separator = ';';
}

static void append_modifiers(struct buffer *out, const struct request *request)
{
    char separator = '@';
    if (request->condition != COND_NONE) {
        append_modifier(out, &separator, "if=");
        if (request->condition == COND_VERSION)
            buffer_append_u64(out, request->if_version);
        else
            buffer_append_text(out, request->condition == COND_ABSENT ? "absent" : "present");
    }
    if (request->tag.len > 0) {
        append_modifier(out, &separator, "tag=");
        buffer_append(out, request->tag.ptr, request->tag.len);
    }
    if (request->deadline_ms > 0) {
        append_modifier(out, &separator, "deadline=");
        buffer_append_u64(out, request->deadline_ms);
        buffer_append_text(out, "ms");
    }
    if (request->priority != PRIORITY_DEFAULT) {
        struct slice name = text_class_name(request->priority);
        append_modifier(out, &separator, "class=");
        buffer_append(out, name.ptr, name.len);
    }
    if (request->overtakes) append_modifier(out, &separator, "refuse=early");
    if (separator == ';') buffer_append_text(out, " ");
}

static void append_ttl(struct buffer *out, const struct request *request)
{
    switch (request->ttl_kind) {
    case TTL_DEFAULT: buffer_append_text(out, " -"); return;
    case TTL_NEVER: buffer_append_text(out, " never"); return;
    default: break; /* TTL_RELATIVE: this protocol knows no other */
    }
    buffer_append_text(out, " ");
    buffer_append_u64(out, request->ttl_ms);
    buffer_append_text(out, "ms");
}

void text_encode_request(struct buffer *out, const struct request *request)
{
    struct slice verb = text_verb(request->op);
    append_modifiers(out, request);
    buffer_append(out, verb.ptr, verb.len);
    if (request->key.len > 0) {
        buffer_append_text(out, " ");
        buffer_append(out, request->key.ptr, request->key.len);
    }
    if (request->op == OP_PUT || request->op == OP_TOUCH) append_ttl(out, request);
    if (request->op == OP_PUT) {
        assert(request->value.len == 0 || request->value.ptr);
        buffer_append_text(out, " $");
        buffer_append_u64(out, request->value.len);
        buffer_append_text(out, "\r\n");
        buffer_append(out, request->value.ptr, request->value.len);
    }
    if (request->op == OP_CONFIG_SET) {
        buffer_append_text(out, " ");
        buffer_append(out, request->value.ptr, request->value.len);
    }
    buffer_append_text(out, "\r\n");
}

/* ---- replies ---- */

/* Takes "literal" off the front of `rest` if it stands there. */
static bool take_text(struct slice *rest, const char *literal)
{
    size_t len = strlen(literal);
    if (rest->len < len || memcmp(rest->ptr, literal, len) != 0) return false;
    rest->ptr += len;
    rest->len -= len;
    return true;
}

/* Takes the blank in front of an argument and the argument, which is not empty. */
static bool take_argument(struct slice *rest, struct slice *argument)
{
    if (!take_text(rest, " ")) return false;
    *argument = text_take_token(rest);
    return argument->len > 0;
}

static bool take_u64(struct slice *rest, uint64_t min, uint64_t *out)
{
    struct slice argument;
    return take_argument(rest, &argument) && number_parse(argument, UINT64_MAX, out) && *out >= min;
}

/* A number from `min` (0 or -1) up. */
static bool take_i64(struct slice *rest, int64_t min, int64_t *out)
{
    struct slice argument;
    uint64_t n = 0;
    if (!take_argument(rest, &argument)) return false;
    if (min == -1 && slice_equal(argument, slice_text("-1"))) {
        *out = -1;
        return true;
    }
    if (!number_parse(argument, INT64_MAX, &n)) return false;
    *out = (int64_t)n;
    return true;
}

/* " $<n>": the body's length goes into reply->body. */
static bool take_count(const struct codec_limits *limits, struct slice *rest, struct reply *reply)
{
    struct slice argument;
    uint64_t count = 0;
    if (!take_argument(rest, &argument) || !text_parse_count(argument, &count)) return false;
    if (limits->value > 0 && count > limits->value) return false;
    reply->body = slice_of(NULL, (size_t)count);
    return true;
}

static bool take_error(struct slice *rest, struct reply *reply)
{
    struct slice name;
    if (!take_argument(rest, &name) || !take_text(rest, " ")) return false;
    reply->error = text_error_find(name);
    reply->body = *rest;
    *rest = slice_of(NULL, 0);
    return reply->error != ERR_COUNT;
}

/* What a reply line is to hold after its word. Each takes it all, or the line is no reply. */
static bool take_arguments(const struct codec_limits *limits, struct slice *rest, struct reply *reply)
{
    switch (reply->kind) {
    case REPLY_OK:
        if (rest->len == 0) return true;
        reply->kind = REPLY_STORED;
        return take_u64(rest, 1, &reply->version);
    case REPLY_VALUE:
        return take_i64(rest, -1, &reply->number) && take_u64(rest, 1, &reply->version) &&
               take_count(limits, rest, reply);
    case REPLY_LEN: return take_i64(rest, 0, &reply->number);
    case REPLY_CONFLICT: return take_u64(rest, 0, &reply->version);
    case REPLY_OVERLOADED: return take_i64(rest, -1, &reply->number);
    case REPLY_ERROR: return take_error(rest, reply);
    case REPLY_JSON:
    case REPLY_TEXT: return take_count(limits, rest, reply);
    case REPLY_VERSION:
        if (!take_text(rest, " ") || rest->len == 0) return false;
        reply->body = *rest;
        *rest = slice_of(NULL, 0);
        return true;
    default: return true;
    }
}

static enum reply_kind find_word(struct slice word)
{
    static const struct {
        struct slice word;
        enum reply_kind kind;
    } words[] = {
        {{"OK", 2}, REPLY_OK},     {{"VALUE", 5}, REPLY_VALUE},       {{"NOT_FOUND", 9}, REPLY_NOT_FOUND},
        {{"LEN", 3}, REPLY_LEN},   {{"CONFLICT", 8}, REPLY_CONFLICT}, {{"OVERLOADED", 10}, REPLY_OVERLOADED},
        {{"LATE", 4}, REPLY_LATE}, {{"ERROR", 5}, REPLY_ERROR},       {{"PONG", 4}, REPLY_PONG},
        {{"JSON", 4}, REPLY_JSON}, {{"TEXT", 4}, REPLY_TEXT},         {{"VERSION", 7}, REPLY_VERSION},
        {{"BYE", 3}, REPLY_BYE},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_equal(word, words[i].word)) return words[i].kind;
    return REPLY_NONE;
}

/* Parses a reply line without its CRLF. */
static bool parse_reply_line(const struct codec_limits *limits, struct slice rest, struct reply *reply,
                             struct slice *tag)
{
    if (take_text(&rest, "@tag=")) {
        *tag = text_take_token(&rest);
        if (!text_tag_valid(*tag) || !take_text(&rest, " ")) return false;
    }
    reply->kind = find_word(text_take_token(&rest));
    return reply->kind != REPLY_NONE && take_arguments(limits, &rest, reply) && rest.len == 0;
}

static bool has_body(enum reply_kind kind)
{
    return kind == REPLY_VALUE || kind == REPLY_JSON || kind == REPLY_TEXT;
}

enum decode_status text_decode_reply(struct reply_decoder *d, const struct codec_limits *limits, const char *in,
                                     size_t len, size_t *used, struct reply *reply, struct slice *tag)
{
    *used = 0;
    *reply = (struct reply){0};
    *tag = slice_of(NULL, 0);
    assert(limits->line < SIZE_MAX / 2);
    size_t window = len < limits->line + 2 ? len : limits->line + 2;
    const char *lf = NULL;
    if (window > d->scanned) lf = memchr(in + d->scanned, '\n', window - d->scanned);
    if (!lf) {
        d->scanned = window;
        return window < limits->line + 2 ? DECODE_MORE : DECODE_CLOSE;
    }
    size_t line = (size_t)(lf - in);
    if (line == 0 || in[line - 1] != '\r' || !parse_reply_line(limits, slice_of(in, line - 1), reply, tag))
        return DECODE_CLOSE;
    size_t at = line + 1;
    if (has_body(reply->kind)) {
        size_t body = reply->body.len; /* at most TEXT_COUNT_MAX, so `at + body + 2` cannot overflow */
        size_t have = len - at;
        if (have > body && in[at + body] != '\r') return DECODE_CLOSE;
        if (have < body + 2) return DECODE_MORE;
        if (in[at + body + 1] != '\n') return DECODE_CLOSE;
        reply->body.ptr = in + at;
        at += body + 2;
    }
    d->scanned = 0;
    *used = at;
    return DECODE_REQUEST;
}
