/*
 * Inside the text codec: its words, character classes and tokens, and what its files call in each other.
 *
 *     decode.c    framing: lines, counted values, what is skipped      (server: bytes -> requests)
 *     request.c   one request line                                       |
 *     modifiers.c the @name=value;... in front of a line                 |
 *     encode.c    replies -> bytes                                     (server)
 *     client.c    requests -> bytes, bytes -> replies                  (client)
 *     grammar.c   what all of these agree on
 */
#ifndef PROTO_TEXT_GRAMMAR_H
#define PROTO_TEXT_GRAMMAR_H

#include "proto/codec.h"

/* The verb of an operation as it is written: "GET", ... */
struct slice text_verb(enum op op);

/* Takes the verb (of any case) and returns its operation; OP_COUNT: none of ours, nothing was taken. */
enum op text_take_verb(struct slice *rest);

/* The error of a stable name: "bad-key", ... or ERR_COUNT. */
enum error_code text_error_find(struct slice name);

/* The class of the modifier class=..., or PRIORITY_DEFAULT; and back ("" for PRIORITY_DEFAULT). */
enum priority text_class_find(struct slice name);
struct slice text_class_name(enum priority priority);

/* True for bytes that no line contains outside a value. */
static inline bool text_is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

bool text_has_control(struct slice text);

/* How many bytes from the front are neither space nor control (so they may be a key). */
size_t text_plain_span(const char *from, const char *end);

/* Drops spaces from the front. */
static inline void text_skip_spaces(struct slice *rest)
{
    while (rest->len > 0 && rest->ptr[0] == ' ') {
        rest->ptr++;
        rest->len--;
    }
}

/* Takes everything up to the next space, which stays in front of `rest`. */
static inline struct slice text_take_token(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] != ' ')
        n++;
    struct slice token = slice_of(rest->ptr, n);
    rest->ptr += n;
    rest->len -= n;
    return token;
}

/* True for "$<n>" with n at most TEXT_COUNT_MAX. */
bool text_parse_count(struct slice text, uint64_t *count);

/* What a request line turned out to be. `refused` and `closes` have the reply in the call. */
struct text_line {
    bool refused; /* malformed, the stream can stay in step */
    bool closes;  /* malformed beyond repair; implies refused */
    bool counted; /* `count` value bytes and a line end follow, also when refused */
    uint64_t count;
};

/* Refuses the line, unless it is refused already: the first reason is the one the client is told. */
void text_refuse(struct text_line *line, struct call *call, enum error_code code, const char *text);

/* Refuses the line and gives up the stream; this reason beats every reason to merely refuse. */
void text_give_up(struct text_line *line, struct call *call, const char *text);

/* Parses the `@name=value;...` token `modifiers` ('@' included) into call->request. */
void text_parse_modifiers(struct slice modifiers, struct text_line *line, struct call *call);

/* Parses a request line (without line end, not empty, no space in front) into call->request. */
struct text_line text_parse_line(const struct codec_limits *limits, struct slice text, struct call *call);

/* The entries of codec_text (codec.h says what they do). */
enum decode_status text_decode(struct decoder *d, const struct codec_limits *limits, const char *in, size_t len,
                               size_t *used, struct call *call);
enum decode_status text_decode_end(struct decoder *d, const char *in, size_t len, size_t *used, struct call *call);
bool text_encode(struct buffer *out, struct call *call);
void text_encode_request(struct buffer *out, const struct request *request);
enum decode_status text_decode_reply(struct reply_decoder *d, const struct codec_limits *limits, const char *in,
                                     size_t len, size_t *used, struct reply *reply, struct slice *tag);

#endif
