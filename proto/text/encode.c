/* Replies, server side: each is written straight into one reservation. */
#include <string.h>

#include "proto/number.h"
#include "proto/text/grammar.h"

/* More than everything of a reply but its tag and its body: words, three numbers, line ends. */
#define FRAME_MAX 96

/* Copies a literal without its NUL; where the next byte goes. */
#define PUT_TEXT(at, literal) ((char *)mempcpy(at, literal, sizeof literal - 1))

static inline char *put_slice(char *at, struct slice s)
{
    return s.len > 0 ? mempcpy(at, s.ptr, s.len) : at;
}

/* " $<n>" CRLF, the bytes; the caller ends the line. */
static inline char *put_counted(char *at, struct slice body)
{
    at = PUT_TEXT(at, " $");
    at += number_format(at, body.len);
    at = PUT_TEXT(at, "\r\n");
    return put_slice(at, body);
}

static char *put_error(char *at, const struct reply *reply)
{
    at = PUT_TEXT(at, "ERROR ");
    at = put_slice(at, slice_text(error_code_name(reply->error)));
    at = PUT_TEXT(at, " ");
    return put_slice(at, reply->body);
}

static char *put_reply(char *at, const struct reply *reply)
{
    switch (reply->kind) {
    case REPLY_VALUE:
        at = PUT_TEXT(at, "VALUE ");
        at += number_format_i64(at, reply->number);
        at = PUT_TEXT(at, " ");
        at += number_format(at, reply->version);
        return put_counted(at, reply->body);
    case REPLY_STORED: at = PUT_TEXT(at, "OK "); return at + number_format(at, reply->version);
    case REPLY_OK: return PUT_TEXT(at, "OK");
    case REPLY_NOT_FOUND: return PUT_TEXT(at, "NOT_FOUND");
    case REPLY_LEN: at = PUT_TEXT(at, "LEN "); return at + number_format_i64(at, reply->number);
    case REPLY_CONFLICT: at = PUT_TEXT(at, "CONFLICT "); return at + number_format(at, reply->version);
    case REPLY_OVERLOADED: at = PUT_TEXT(at, "OVERLOADED "); return at + number_format_i64(at, reply->number);
    case REPLY_LATE: return PUT_TEXT(at, "LATE");
    case REPLY_ERROR: return put_error(at, reply);
    case REPLY_PONG: return PUT_TEXT(at, "PONG");
    case REPLY_JSON: return put_counted(PUT_TEXT(at, "JSON"), reply->body);
    case REPLY_TEXT: return put_counted(PUT_TEXT(at, "TEXT"), reply->body);
    case REPLY_VERSION: return put_slice(PUT_TEXT(at, "VERSION "), reply->body);
    case REPLY_BYE: return PUT_TEXT(at, "BYE");
    default: break;
    }
    /* A bug of ours; but every request has its line, or all later answers would belong to the wrong ones. */
    return PUT_TEXT(at, "ERROR internal the request was not answered");
}

bool text_encode(struct buffer *out, struct call *call)
{
    struct slice tag = call->request.tag;
    char *start = buffer_reserve(out, FRAME_MAX + tag.len + call->reply.body.len);
    if (!start) return false;
    char *at = start;
    if (tag.len > 0) {
        at = PUT_TEXT(at, "@tag=");
        at = put_slice(at, tag);
        at = PUT_TEXT(at, " ");
    }
    at = put_reply(at, &call->reply);
    at = PUT_TEXT(at, "\r\n");
    out->len += (size_t)(at - start);
    return false;
}
