/* Inside the RESP codec: what a connection remembers, and how decode.c, command.c and the commands meet. */
#ifndef PROTO_RESP_STATE_H
#define PROTO_RESP_STATE_H

#include "proto/resp/command.h"

#define RESP_COMPATIBLE "7.0.15" /* the Redis whose behaviour this is */
#define RESP_NAME_MAX   64

/* What a client has named. */
struct resp_names {
    char client[RESP_NAME_MAX + 1];
    char library[RESP_NAME_MAX + 1];
    char library_version[RESP_NAME_MAX + 1];
};

/* Made when there is something to remember. */
struct resp_state {
    bool in_multi;
    bool aborted; /* EXEC will refuse: a command was wrong when it was queued */
    size_t bytes; /* that the transaction holds */
    size_t parts; /* that it has, those of its parts counted */
    struct call transaction;
    struct { /* at MULTI: what commands that are queued change at once, until DISCARD or a refusal of EXEC */
        uint8_t database, version;
        struct resp_names names;
    } before;
    struct resp_names names;
};

/* The state, made if need be; NULL when memory is out. */
struct resp_state *resp_state_of(struct decoder *d);
void resp_release(struct decoder *d);
size_t resp_held(struct decoder *d);

/* An EXEC was refused: what its commands changed at once is as before. */
void resp_settle(struct decoder *d, const struct call *call);

static inline bool resp_in_multi(struct decoder *d)
{
    return decoder_of(d)->memory && decoder_of(d)->memory->in_multi;
}

/* A command came while MULTI is open that cannot be queued. */
void resp_abort_transaction(struct decoder *d);

/* Puts the command into the open transaction: +QUEUED, or why not. */
enum decode_status resp_queue(struct decoder *d, const struct codec_limits *limits, resp_take *take,
                              const struct resp_args *args, struct call *call);

/* EXEC with arguments: a transaction that is open is over, too. */
enum decode_status resp_refuse_exec(struct decoder *d, struct call *call);

/* Takes a whole command: finds it, checks its arity, lets it take its arguments or queues it. */
enum decode_status resp_command(struct decoder *d, const struct codec_limits *limits, const struct resp_args *args,
                                struct call *call);

/* All commands, for COMMAND. */
const struct resp_command *resp_commands(size_t *count);

/* Answers with what was put together in the buffer, and frees that. */
enum decode_status resp_answer(struct call *call, struct buffer *out);
enum decode_status resp_answer_bulk(struct call *call, struct slice body);
enum decode_status resp_answer_number(struct call *call, int64_t n);

/* client_command.c: CLIENT SETNAME, or HELLO's. NULL, or what is wrong with the name: a static text. */
const char *resp_set_name(struct decoder *d, struct slice name);

/* Asks for facts, with the bytes as what the rendering needs. */
enum decode_status resp_ask_facts(struct call *call, enum resp_form form, const struct buffer *tag);

/* The bytes become the request's tag, for the rendering of the reply. */
bool resp_tag(struct call *call, const void *bytes, size_t len);

enum decode_status resp_decode(struct decoder *d, const struct codec_limits *limits, const char *in, size_t len,
                               size_t *used, struct call *call);
enum decode_status resp_decode_end(struct decoder *d, const char *in, size_t len, size_t *used, struct call *call);
bool resp_encode(struct buffer *out, struct call *call);

/* info.c */
void resp_render_info(struct buffer *out, const struct call *call);
void resp_render_config(struct buffer *out, const struct call *call);
void resp_render_client(struct buffer *out, const struct call *call);

/* encode.c: pieces of replies. `is_3`: RESP3. */
void resp_put_bulk(struct buffer *out, struct slice body);
void resp_put_number(struct buffer *out, char type, int64_t n); /* ':', '*', '%', '$' */
void resp_put_nil(struct buffer *out, bool is_3);
/* Text for people: verbatim in RESP3. */
void resp_put_verbatim(struct buffer *out, struct slice text, bool is_3);
/* The head of a map of n pairs. */
static inline void resp_put_map(struct buffer *out, int64_t n, bool is_3)
{
    resp_put_number(out, is_3 ? '%' : '*', is_3 ? n : 2 * n);
}

#endif
