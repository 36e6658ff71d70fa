/*
 * Inside the memcached codec.
 *
 *     decode.c    framing: lines, data blocks, what is skipped
 *     classic.c   get, set, delete, incr, ...: a line -> a request
 *     meta.c      mg, ms, md, ma: a line with flags -> a request
 *     admin.c     stats, version, me, and what asks about memory that is managed otherwise here
 *     encode.c    replies of the classic commands        encode_meta.c    of the meta commands
 *     stats.c     struct facts -> stats
 *
 * For its reply a get needs its key, and a meta command its key and flags: they travel as the request's tag. That
 * of a meta command is its line from the key on.
 */
#ifndef PROTO_MEMCACHED_IMPL_H
#define PROTO_MEMCACHED_IMPL_H

#include "proto/codec.h"

#define MC_BAD_FORMAT "CLIENT_ERROR bad command line format"
#define MC_KEY_MAX    250
#define MC_VERSION    "1.6.18"        /* whose behaviour this is */
#define MC_TOKENS_MAX 24              /* of a line that is no list of keys */
#define MC_BYTES_MAX  (INT32_MAX - 3) /* longest value that a line may announce */
#define MC_RELATIVE_S 2592000         /* a larger expiry time is a time of day */

/* call->form: how the reply is rendered. */
enum mc_form {
    MC_LINE,   /* OWN: the body is the line */
    MC_RAW,    /* OWN: the body is the reply's bytes */
    MC_VALUE,  /* get: VALUE line and END */
    MC_VALUES, /* get of several keys: PARTS */
    MC_STORED, /* STORED, NOT_STORED; EXISTS and NOT_FOUND for cas */
    MC_DELETED,
    MC_TOUCHED,
    MC_NUMBER,
    MC_OK,
    MC_STATS,
    MC_STATS_ITEMS,
    MC_DEBUG,     /* me */
    MC_NOTHING,   /* quit */
    MC_TOO_LARGE, /* whatever became of the delete: the value was */
    MC_META_GET,
    MC_META_SET,
    MC_META_DELETE,
    MC_META_ADD,
};

#define MC_FORM_MASK 0xffU
#define MC_CAS       0x100U /* with the cas value */
#define MC_QUIET     0x200U /* noreply; of meta commands: q */
#define MC_IS_CAS    0x400U /* the command was cas */

struct mc_tokens {
    struct slice at[MC_TOKENS_MAX];
    size_t count;
    struct slice rest; /* of a list of keys: what is behind the last token taken */
};

/* What a line turned out to be. */
struct mc_line {
    enum decode_status status; /* DECODE_REQUEST, DECODE_ANSWERED, DECODE_CLOSE; DECODE_BODY: a value follows */
    uint64_t skip;             /* bytes of a data block to drop: with DECODE_ANSWERED before the answer, with
                                * DECODE_REQUEST behind it */
};

/* Answers with a line (a literal, without CRLF); noreply silences it. */
struct mc_line mc_answer(struct call *call, const char *line);

/* A value that is too large: what it should have replaced goes, so that nobody reads what is out of date. */
struct mc_line mc_too_large(struct slice key, uint64_t bytes, struct call *call);

struct mc_line mc_classic(const struct codec_limits *limits, struct slice line, struct call *call);
/* The line begins with a meta command: `name` is its second letter. */
struct mc_line mc_meta(const struct codec_limits *limits, char name, struct slice arguments, struct call *call);

/* Asks for the operation. */
struct mc_line mc_ask(struct call *call, enum op op, uint32_t form);

/* The last word of a line, behind `least` others, whatever it should have been: as noreply it silences the reply.
 */
bool mc_take_noreply(const struct mc_tokens *t, size_t least, struct call *call);

/* Commands for administrators; false: it is none of them. */
bool mc_admin(const struct codec_limits *limits, const struct mc_tokens *t, struct call *call,
              struct mc_line *line);

/* The request's key; one in base64 is decoded into the call's own storage. False: it is not base64. */
bool mc_take_key(struct slice key, bool is_binary, struct call *call);

static inline bool mc_is(struct slice token, const char *word)
{
    return slice_equal(token, slice_text(word));
}

/* Takes the next token off the line; false at its end. */
bool mc_token(struct slice *line, struct slice *token);

bool mc_key_ok(const struct codec_limits *limits, struct slice key);
/* A number as strtoul or strtol would take all of the text; false when it is none or does not fit. */
bool mc_unsigned(struct slice text, uint64_t max, uint64_t *n);
bool mc_signed(struct slice text, int64_t min, int64_t max, int64_t *n);
/* An expiry time as memcached understands it, which is by its lower 32 bits, as a signed number. */
struct lifetime mc_lifetime(int64_t exptime);

bool mc_encode(struct buffer *out, struct call *call);
void mc_encode_meta(struct buffer *out, const struct call *call);
void mc_render_stats(struct buffer *out, const struct call *call);
/* Errors and refusals, which look the same everywhere; false when the reply is none. */
bool mc_put_refusal(struct buffer *out, const struct reply *reply);

static inline void mc_put(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

#endif
