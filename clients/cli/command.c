/* From arguments to a request, and its execution by the library. */
#include "clients/cli/command.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "proto/text/text.h"

#define READ_CHUNK ((size_t)64 << 10)

/* put KEY TTL VALUE, as at the prompt. */
static bool take_ttl(struct command *command, const struct options *options, const char *text,
                     struct usage_error *error)
{
    if (sluice_parse_ttl(text, &command->ttl_ms) != SLUICE_OK) {
        usage_error_set(error, "put: expected " LIFETIMES ", got '%.100s' (quote a value that contains spaces)",
                        text);
    } else if (options->ttl_ms != SLUICE_TTL_DEFAULT) {
        usage_error_set(error, "put: the lifetime is given twice, as --ttl and as '%.100s'", text);
    } else {
        return true;
    }
    return false;
}

bool command_parse(struct command *command, const struct options *options, int argc, char **argv,
                   struct usage_error *error)
{
    enum verb verb = VERB_COUNT;
    int wanted = 0;

    assert(argc > 0);
    *command = (struct command){.ttl_ms = options->ttl_ms, .options = options->request};
    verb = verb_find(slice_text(argv[0]));
    if (verb == VERB_CONFIG && argc > 1 && strcasecmp(argv[1], "set") == 0) {
        verb = VERB_CONFIG_SET;
        argc--;
        argv++;
    }
    if (verb == VERB_COUNT) {
        usage_error_set(error, "unknown verb '%.100s'", argv[0]);
        return false;
    }
    command->verb = verb;
    if (!options_fit(options, verb, error)) return false;
    wanted = verb_argument_count(verb);
    if (verb == VERB_PUT && argc == 4) {
        if (!take_ttl(command, options, argv[2], error)) return false;
        argv[2] = argv[3];
        argc--;
    }
    if (argc - 1 != wanted && wanted == 0) {
        usage_error_set(error, "usage: sluice %s (it takes no arguments)", verb_name(verb));
        return false;
    }
    if (argc - 1 != wanted) {
        usage_error_set(error, "usage: sluice %s %s%s%s", verb_name(verb), verb_arguments(verb),
                        verb == VERB_PUT ? ", or with --ttl TTL" : "",
                        argc - 1 > wanted ? " (quote what contains spaces)" : "");
        return false;
    }
    if (wanted > 0) {
        command->key = sluice_text(argv[1]);
        if (!text_key_valid(slice_text(argv[1]))) {
            usage_error_set(error, "a key is 1 to 512 bytes without spaces or control characters");
            return false;
        }
    }
    if (verb == VERB_PUT) {
        command->value_from_input = strcmp(argv[2], "-") == 0 && options->literal != 1;
        if (!command->value_from_input) command->value = sluice_text(argv[2]);
    }
    if (verb == VERB_CONFIG_SET) command->value = sluice_text(argv[2]);
    if (verb == VERB_TOUCH && sluice_parse_ttl(argv[2], &command->ttl_ms) != SLUICE_OK) {
        usage_error_set(error, "touch: expected " LIFETIMES ", got '%.100s'", argv[2]);
        return false;
    }
    return true;
}

bool command_read_input(struct command *command, int fd, struct usage_error *error)
{
    ssize_t n = 1;

    while (n > 0) {
        char *room = buffer_reserve(&command->input, READ_CHUNK);
        if (!room) {
            usage_error_set(error, "no memory for a value of more than %zu bytes", command->input.len);
            return false;
        }
        n = read(fd, room, READ_CHUNK);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n < 0) {
            usage_error_set(error, "cannot read standard input: %s", strerror(errno));
            return false;
        }
        command->input.len += (size_t)n;
        if (command->input.len > TEXT_COUNT_MAX) {
            usage_error_set(error, "standard input gives more than any server takes (2 GiB)");
            return false;
        }
    }
    command->value = sluice_bytes(command->input.data, command->input.len);
    command->value_from_input = false;
    return true;
}

enum sluice_status command_run(const struct command *command, struct sluice *s, struct sluice_result *result)
{
    const struct sluice_request_options *options = &command->options;

    assert(!command->value_from_input);
    switch (command->verb) {
    case VERB_GET: return sluice_get(s, command->key, options, result);
    case VERB_PUT: return sluice_put(s, command->key, command->value, command->ttl_ms, options, result);
    case VERB_DELETE: return sluice_delete(s, command->key, options, result);
    case VERB_TOUCH: return sluice_touch(s, command->key, command->ttl_ms, options, result);
    case VERB_LEN: return sluice_len(s, options, result);
    case VERB_PING: return sluice_ping(s, options, result);
    case VERB_STATS: return sluice_stats(s, options, result);
    case VERB_CONFIG: return sluice_config(s, options, result);
    case VERB_CONFIG_SET: return sluice_config_set(s, command->key, command->value, options, result);
    case VERB_HELP: return sluice_help(s, options, result);
    case VERB_VERSION: return sluice_version(s, options, result);
    case VERB_NONE:
    case VERB_WATCH:
    case VERB_COUNT: break;
    }
    assert(false);
    return SLUICE_BAD_ARGUMENT;
}

void command_clear(struct command *command)
{
    buffer_free(&command->input);
    *command = (struct command){0};
}
