/*
 * One request line: [@modifiers ]VERB [arguments]
 *
 * A malformed line is refused, and everything else in it is still looked at: a PUT's count must be known to keep
 * the stream in step, and a byte that no client of ours would send ends the connection.
 */
#include <assert.h>

#include "proto/number.h"
#include "proto/text/grammar.h"
#include "proto/text/text.h"

#define CONFIG_FORM "CONFIG takes no arguments, or SET, a key and a value: CONFIG SET queue.bound 64"
#define PUT_FORM    "PUT takes a key, a ttl and a value: PUT key 30m value"

void text_refuse(struct text_line *line, struct call *call, enum error_code code, const char *text)
{
    if (line->refused) return;
    line->refused = true;
    reply_error(&call->reply, code, text);
}

void text_give_up(struct text_line *line, struct call *call, const char *text)
{
    if (line->closes) return;
    line->refused = true;
    line->closes = true;
    reply_error(&call->reply, ERR_BAD_REQUEST, text);
}

static struct slice last_token(struct slice text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    size_t n = 0;
    while (n < text.len && text.ptr[text.len - 1 - n] != ' ')
        n++;
    return slice_of(text.ptr + text.len - n, n);
}

/* The arguments are not what the verb takes: perhaps because this client speaks HTTP and will not stop there. */
static void refuse_form(struct text_line *line, struct call *call, struct slice rest, enum error_code code,
                        const char *text)
{
    struct slice last = last_token(rest);
    if (last.len >= 5 && memcmp(last.ptr, "HTTP/", 5) == 0)
        text_give_up(line, call, "this port speaks the sluice text protocol, not HTTP");
    else
        text_refuse(line, call, code, text);
}

/* Takes the key out of `rest`; the result says whether there is one at all, good or bad. */
static bool take_key(const struct codec_limits *limits, struct slice *rest, struct text_line *line,
                     struct call *call)
{
    text_skip_spaces(rest);
    size_t n = text_plain_span(rest->ptr, rest->ptr + rest->len);
    size_t max = limits->key < TEXT_KEY_MAX ? limits->key : TEXT_KEY_MAX;
    if (n < rest->len && rest->ptr[n] != ' ') {
        text_refuse(line, call, ERR_BAD_KEY, "a key has no control bytes");
        text_take_token(rest);
        return true;
    }
    if (n > max) text_refuse(line, call, ERR_BAD_KEY, "the key is too long");
    call->request.key = slice_of(rest->ptr, n);
    rest->ptr += n;
    rest->len -= n;
    return n > 0;
}

static void parse_ttl(struct slice token, struct text_line *line, struct call *call)
{
    if (!number_parse_ttl(token, &call->request.ttl_kind, &call->request.ttl_ms))
        refuse_form(line, call, token, ERR_BAD_TTL, "a ttl is -, never, or 1ms to 3650d (ms, s, m, h, d): 30m");
}

/* What follows the one space after the ttl. */
static void parse_value(const struct codec_limits *limits, struct slice value, struct text_line *line,
                        struct call *call)
{
    uint64_t len = value.len;
    if (value.len > 0 && value.ptr[0] == '$') {
        if (!text_parse_count(value, &line->count)) {
            text_give_up(line, call, "after $ comes the value's length in bytes, at most 2147483648, and no more");
            return;
        }
        line->counted = true;
        len = line->count;
        value = slice_of(NULL, (size_t)len);
    }
    if (len > limits->value) text_refuse(line, call, ERR_TOO_LARGE, "the value is larger than limits.value");
    call->request.value = value;
}

static void parse_put(const struct codec_limits *limits, struct slice rest, struct text_line *line,
                      struct call *call)
{
    struct slice arguments = rest;
    struct slice ttl = {NULL, 0};
    if (take_key(limits, &rest, line, call)) {
        text_skip_spaces(&rest);
        ttl = text_take_token(&rest);
    }
    if (ttl.len > 0 && rest.len > 0) {
        parse_ttl(ttl, line, call);
        parse_value(limits, slice_of(rest.ptr + 1, rest.len - 1), line, call);
        return;
    }
    /* An argument was left out. Whoever announces bytes sends them, and they must not be taken for requests. */
    line->counted = text_parse_count(last_token(arguments), &line->count);
    refuse_form(line, call, arguments, ERR_BAD_REQUEST, PUT_FORM);
}

/* GET, DELETE, TOUCH and the verbs without arguments. */
static void parse_plain(const struct codec_limits *limits, struct slice rest, struct text_line *line,
                        struct call *call)
{
    static const char *const forms[OP_COUNT] = {
        [OP_GET] = "GET takes one key: GET key",
        [OP_DELETE] = "DELETE takes one key: DELETE key",
        [OP_TOUCH] = "TOUCH takes a key and a ttl: TOUCH key 30m",
        [OP_LEN] = "LEN takes no arguments",
        [OP_PING] = "PING takes no arguments",
        [OP_STATS] = "STATS takes no arguments",
        [OP_CONFIG] = CONFIG_FORM,
        [OP_HELP] = "HELP takes no arguments",
        [OP_VERSION] = "VERSION takes no arguments",
        [OP_QUIT] = "QUIT takes no arguments",
    };
    enum op op = call->request.op;
    struct slice arguments = rest;
    bool complete = true;
    if (op_has_one_key(op)) complete = take_key(limits, &rest, line, call);
    text_skip_spaces(&rest);
    if (op == OP_TOUCH) {
        struct slice ttl = text_take_token(&rest);
        complete = complete && ttl.len > 0;
        if (complete) parse_ttl(ttl, line, call);
        text_skip_spaces(&rest);
    }
    if (!complete || rest.len > 0) refuse_form(line, call, arguments, ERR_BAD_REQUEST, forms[op]);
}

/* CONFIG, and CONFIG SET key value, the value being the rest of the line. */
static void parse_config(const struct codec_limits *limits, struct slice rest, struct text_line *line,
                         struct call *call)
{
    struct slice arguments = rest;
    text_skip_spaces(&rest);
    struct slice word = text_take_token(&rest);
    bool is_set =
        word.len == 3 && (word.ptr[0] | 0x20) == 's' && (word.ptr[1] | 0x20) == 'e' && (word.ptr[2] | 0x20) == 't';
    if (!is_set) {
        parse_plain(limits, arguments, line, call);
        return;
    }
    bool complete = take_key(limits, &rest, line, call);
    text_skip_spaces(&rest);
    if (!complete || rest.len == 0) {
        refuse_form(line, call, arguments, ERR_BAD_REQUEST, CONFIG_FORM);
        return;
    }
    call->request.op = OP_CONFIG_SET;
    call->request.value = rest;
}

/* True unless the verb is none of ours. */
static bool take_verb(struct slice *rest, struct text_line *line, struct call *call)
{
    call->request.op = text_take_verb(rest);
    if (call->request.op < OP_COUNT) return true;
    struct slice verb = text_take_token(rest);
    call->request.op = OP_PING; /* refused; but a request always has an operation that exists */
    if (text_has_control(verb))
        text_give_up(line, call, "this is no request line; HELP lists the verbs");
    else if (verb.len == 0)
        text_refuse(line, call, ERR_BAD_REQUEST, "after the modifiers comes a verb");
    else
        refuse_form(line, call, *rest, ERR_UNKNOWN_VERB, "HELP lists the verbs");
    return false;
}

struct text_line text_parse_line(const struct codec_limits *limits, struct slice text, struct call *call)
{
    struct text_line line = {false, false, false, 0};
    assert(text.len > 0 && text.ptr[0] != ' ');
    if (text.ptr[0] == '@') {
        struct slice modifiers = text_take_token(&text);
        if (text_has_control(modifiers)) {
            text_give_up(&line, call, "modifiers have no control bytes");
            return line;
        }
        text_parse_modifiers(modifiers, &line, call);
        text_skip_spaces(&text);
    }
    if (!take_verb(&text, &line, call)) return line;
    enum op op = call->request.op;
    if (!op_allows_condition(op, call->request.condition))
        text_refuse(&line, call, ERR_BAD_REQUEST, "if goes with PUT, TOUCH and DELETE only");
    if (op == OP_PUT)
        parse_put(limits, text, &line, call);
    else if (op == OP_CONFIG)
        parse_config(limits, text, &line, call);
    else
        parse_plain(limits, text, &line, call);
    return line;
}
