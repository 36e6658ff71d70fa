/* One typed line in the syntax of the protocol, read by the protocol's own decoder. */
#include <assert.h>
#include <string.h>

#include "clients/cli/command.h"
#include "proto/text/grammar.h"
#include "proto/text/text.h"

static enum verb verb_of(enum op op)
{
    return verb_find(text_verb(op));
}

static int64_t ttl_of(const struct request *request)
{
    switch (request->ttl_kind) {
    case TTL_NEVER: return SLUICE_TTL_NEVER;
    case TTL_RELATIVE: return (int64_t)request->ttl_ms;
    default: break;
    }
    return SLUICE_TTL_DEFAULT;
}

static struct sluice_request_options options_of(const struct request *request)
{
    struct sluice_request_options options = {.version = request->if_version,
                                             .deadline_ms = request->deadline_ms,
                                             .priority = (enum sluice_priority)request->priority};

    switch (request->condition) {
    case COND_NONE: options.condition = SLUICE_ALWAYS; break;
    case COND_ABSENT: options.condition = SLUICE_IF_ABSENT; break;
    case COND_PRESENT: options.condition = SLUICE_IF_PRESENT; break;
    case COND_VERSION: options.condition = SLUICE_IF_VERSION; break;
    default: break; /* the text protocol has no other */
    }
    return options;
}

/* The request's slices point into the line, or into `copy` of it. */
static bool from_request(struct command *command, const struct request *request, struct usage_error *error)
{
    enum verb verb = verb_of(request->op);

    if (verb == VERB_COUNT) {
        usage_error_set(error, "%s is no request to send from here", op_name(request->op));
        return false;
    }
    command->verb = verb;
    command->key = sluice_bytes(request->key.ptr, request->key.len);
    command->value = sluice_bytes(request->value.ptr, request->value.len);
    command->ttl_ms = ttl_of(request);
    command->options = options_of(request);
    if (request->tag.len > 0) {
        assert(request->tag.len < sizeof command->tag);
        memcpy(command->tag, request->tag.ptr, request->tag.len);
        command->tag[request->tag.len] = '\0';
        command->options.tag = command->tag;
    }
    return true;
}

/* The first word of the line that is no modifier. */
static struct slice verb_word(struct slice line)
{
    const char *at = line.ptr;
    const char *end = line.ptr + line.len;

    if (at < end && *at == '@')
        while (at < end && *at != ' ')
            at++;
    while (at < end && *at == ' ')
        at++;
    line = slice_of(at, 0);
    while (at + line.len < end && at[line.len] != ' ')
        line.len++;
    return line;
}

/* The decoder's words, but what people may type here and programs send alike. */
static void set_refused(struct slice line, const struct reply *reply, struct usage_error *error)
{
    struct slice verb = verb_word(line);

    if (reply->error == ERR_UNKNOWN_VERB) {
        usage_error_set(error, "unknown verb '%.*s' (help lists the verbs)", verb.len > 100 ? 100 : (int)verb.len,
                        verb.ptr);
    } else {
        usage_error_set(error, "%s: %.*s", error_code_name(reply->error), (int)reply->body.len, reply->body.ptr);
    }
}

/* The first word of what begins at `at`. */
static struct slice word_at(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    const char *blank = memchr(at, ' ', (size_t)(end - at));
    return slice_of(at, (size_t)((blank ? blank : end) - at));
}

/* The line, but a put of one word behind the key gets the default lifetime: PUT alice hello -> PUT alice - hello.
 */
static void append_line(struct buffer *out, struct slice line)
{
    struct slice verb = verb_word(line);
    const char *end = line.ptr + line.len;
    struct slice key = word_at(verb.ptr + verb.len, end), value = word_at(key.ptr + key.len, end);
    bool lacks = verb_find(verb) == VERB_PUT && value.len > 0 && value.ptr + value.len == end;
    buffer_append(out, line.ptr, lacks ? (size_t)(value.ptr - line.ptr) : line.len);
    if (!lacks) return;
    buffer_append_text(out, "- ");
    buffer_append(out, value.ptr, value.len);
}

bool command_parse_line(struct command *command, struct slice line, struct usage_error *error)
{
    struct codec_limits limits = {.line = TEXT_COUNT_MAX, .key = TEXT_KEY_MAX, .value = TEXT_COUNT_MAX};
    struct decoder decoder = {0};
    struct call call;
    size_t used = 0;
    bool ok = false;

    *command = (struct command){0};
    append_line(&command->input, line);
    buffer_append_text(&command->input, "\n");
    if (command->input.failed) {
        usage_error_set(error, "no memory for this line");
        return false;
    }
    call_init(&call);
    switch (codec_text.decode(&decoder, &limits, command->input.data, command->input.len, &used, &call)) {
    case DECODE_REQUEST: ok = from_request(command, &call.request, error); break;
    case DECODE_BODY:
        usage_error_set(error, "counted values ($<n>) cannot be typed here; use: sluice put KEY - <FILE");
        break;
    case DECODE_ANSWERED:
    case DECODE_CLOSE: set_refused(line, &call.reply, error); break;
    case DECODE_MORE: usage_error_set(error, "nothing to do"); break;
    }
    call_clear(&call);
    return ok;
}
