/* The meta commands: a line with flags -> a request. */
#include "proto/memcached/impl.h"

#define FLAGS_MAX    17 /* of mg, md, ma; one less of ms */
#define OPAQUE_MAX   31
#define BAD_TOKEN    "CLIENT_ERROR bad token in command line format"
#define LONG_OPAQUE  "CLIENT_ERROR opaque token too long"
#define INVALID_FLAG "CLIENT_ERROR invalid flag"
#define BAD_FLAG     "CLIENT_ERROR invalid or duplicate flag" /* whatever is wrong with those of md and ma */

/* What the flags said. */
struct meta {
    const char *error;
    char mode; /* M: as the client wrote it; 0: none */
    bool has_cas, is_binary, quiet, stale, has_ttl, has_new_cas, wants_value, opaque_is_long;
    bool age_first; /* R stood in front of T */
    int64_t ttl;
    bool vivifies;
    int64_t vivify_ttl;
    uint64_t recache_s, cas, new_cas, flags, delta, initial;
    struct slice initial_text;
};

static const char *take_number(struct slice token, uint64_t max, uint64_t *n)
{
    return mc_unsigned(token, max, n) ? NULL : BAD_TOKEN;
}

static const char *take_seconds(struct slice token, int64_t *n)
{
    return mc_signed(token, INT64_MIN, INT64_MAX, n) ? NULL : BAD_TOKEN;
}

/* Flags that take a token; NULL: fine. */
static const char *take_valued(struct meta *m, char flag, struct slice token)
{
    switch (flag) {
    case 'T': m->has_ttl = true; return take_seconds(token, &m->ttl);
    case 'N': m->vivifies = true; return take_seconds(token, &m->vivify_ttl);
    case 'R': m->age_first = !m->has_ttl; return take_number(token, INT32_MAX, &m->recache_s);
    case 'C': m->has_cas = true; return take_number(token, UINT64_MAX, &m->cas);
    case 'E': m->has_new_cas = true; return take_number(token, VERSION_SET_MAX, &m->new_cas);
    case 'F': return take_number(token, UINT32_MAX, &m->flags) ? MC_BAD_FORMAT : NULL;
    case 'D': return take_number(token, UINT64_MAX, &m->delta) ? "CLIENT_ERROR invalid numeric delta value" : NULL;
    case 'J':
        m->initial_text = token;
        return take_number(token, UINT64_MAX, &m->initial) ? "CLIENT_ERROR invalid numeric initial value" : NULL;
    case 'M':
        if (token.len != 1) return "CLIENT_ERROR incorrect length for M token";
        m->mode = token.ptr[0];
        return NULL;
    case 'O': m->opaque_is_long = token.len > OPAQUE_MAX; return NULL;
    default: return NULL; /* L, P: for proxies */
    }
}

static const char *take_flag(char name, struct meta *m, struct slice flag)
{
    switch (flag.ptr[0]) {
    case 'v': m->wants_value = true; return NULL;
    case 'q': m->quiet = true; return NULL;
    case 'b': m->is_binary = true; return NULL;
    case 'I': m->stale = true; return NULL;
    case 'k':
    case 's':
    case 't':
    case 'c':
    case 'f':              /* for the reply */
    case 'u': return NULL; /* there is no order of use to leave alone */
    case 'h':
    case 'l': return name == 'g' ? INVALID_FLAG : NULL; /* when a session was last used is not known */
    case 'O':
    case 'T':
    case 'N':
    case 'R':
    case 'C':
    case 'E':
    case 'F':
    case 'D':
    case 'J':
    case 'M':
    case 'L':
    case 'P': break;
    default: return INVALID_FLAG;
    }
    return take_valued(m, flag.ptr[0], slice_of(flag.ptr + 1, flag.len - 1));
}

/* The flags of a command; NULL, or the error: the last one (but F's only where it is alone); what
 * stands behind a flag that is none is not looked at. */
static const char *take_flags(char name, struct slice rest, struct meta *m)
{
    uint64_t seen[2] = {0, 0};
    struct slice flag;
    const char *error = NULL;
    while (mc_token(&rest, &flag)) {
        unsigned char letter = (unsigned char)flag.ptr[0];
        if (letter >= 127 || (seen[letter / 64] >> (letter % 64) & 1)) return "CLIENT_ERROR duplicate flag";
        seen[letter / 64] |= UINT64_C(1) << (letter % 64);
        const char *wrong = take_flag(name, m, flag);
        if (wrong && !(error && letter == 'F')) error = wrong;
        if (wrong && strcmp(wrong, INVALID_FLAG) == 0) break;
    }
    return error;
}

static bool has_too_many(struct slice rest, int most)
{
    struct slice flag;
    while (mc_token(&rest, &flag))
        if (most-- == 0) return true;
    return false;
}

/* ---- keys ---- */

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Base64 with its padding; the number of bytes, or -1. */
static int decode_base64(struct slice text, char *out)
{
    int bytes = 0;
    if (text.len == 0 || text.len % 4 != 0) return -1;
    for (size_t i = 0; i < text.len; i += 4) {
        bool last = i + 4 == text.len;
        int pads = !last ? 0 : text.ptr[i + 3] != '=' ? 0 : text.ptr[i + 2] != '=' ? 1 : 2;
        uint32_t word = 0;
        for (int n = 0; n < 4; n++) {
            int digit = n >= 4 - pads ? 0 : digit_of(text.ptr[i + (size_t)n]);
            if (digit < 0) return -1;
            word = word << 6 | (uint32_t)digit;
        }
        for (int n = 0; n < 3 - pads; n++)
            out[bytes++] = (char)(word >> (16 - 8 * n));
    }
    return bytes;
}

bool mc_take_key(struct slice key, bool is_binary, struct call *call)
{
    call->request.key = key;
    if (!is_binary) return true;
    char decoded[MC_KEY_MAX];
    int len = decode_base64(key, decoded);
    if (len < 0 || !call_reserve(call, (size_t)len)) return false;
    memcpy(call->data, decoded, (size_t)len);
    call->request.key = slice_of(call->data, (size_t)len);
    return true;
}

/* ---- commands ---- */

static void set_lifetime(struct request *r, int64_t seconds)
{
    struct lifetime lifetime = mc_lifetime(seconds);
    r->ttl_kind = lifetime.kind;
    r->ttl_ms = lifetime.ms;
}

static void set_cas(struct request *r, const struct meta *m)
{
    if (!m->has_new_cas) return;
    r->effects |= EFFECT_SET_VERSION;
    r->set_version = m->new_cas;
}

static const char *take_get(const struct meta *m, struct call *call)
{
    struct request *r = &call->request;
    r->op = m->wants_value ? OP_GET : OP_META;
    r->effects = EFFECT_LEASE;
    r->recache_ms = m->recache_s * 1000;
    if (m->vivifies) r->create = mc_lifetime(m->vivify_ttl);
    if (m->has_ttl) {
        r->effects |= EFFECT_TOUCH | (m->age_first ? EFFECT_AGE_FIRST : 0);
        set_lifetime(r, m->ttl);
    }
    call->form |= MC_META_GET | (m->wants_value ? MC_CAS : 0);
    return NULL;
}

static const char *take_set(const struct meta *m, struct call *call)
{
    struct request *r = &call->request;
    r->op = OP_PUT;
    r->flags = (uint32_t)m->flags;
    set_lifetime(r, m->ttl);
    switch (m->mode) {
    case 0:
    case 'S': break;
    case 'E': r->condition = COND_ABSENT; break;
    case 'R': r->condition = COND_PRESENT; break;
    case 'A':
    case 'P':
        r->op = m->mode == 'A' ? OP_APPEND : OP_PREPEND;
        r->condition = m->vivifies ? COND_NONE : COND_PRESENT;
        r->create = mc_lifetime(m->vivify_ttl);
        r->ttl_kind = TTL_KEEP;
        break;
    default: return "CLIENT_ERROR invalid mode for ms M token";
    }
    bool minds_cas = m->has_cas && r->condition != COND_ABSENT;
    if (minds_cas) {
        r->condition = COND_VERSION;
        r->if_version = m->cas;
        if (m->stale && r->op == OP_PUT) r->effects |= EFFECT_INVALIDATE;
    }
    set_cas(r, m);
    call->form |= MC_META_SET | (minds_cas ? MC_IS_CAS : 0);
    return NULL;
}

static const char *take_delete(const struct meta *m, struct call *call)
{
    struct request *r = &call->request;
    r->op = OP_DELETE;
    if (m->has_cas) {
        r->condition = COND_VERSION;
        r->if_version = m->cas;
    }
    if (m->stale) r->effects |= EFFECT_INVALIDATE;
    if (m->stale && m->has_ttl) {
        r->effects |= EFFECT_TOUCH;
        set_lifetime(r, m->ttl);
    }
    if (m->stale) set_cas(r, m);
    call->form |= MC_META_DELETE | (m->has_cas ? MC_IS_CAS : 0);
    return NULL;
}

static const char *take_add(const struct meta *m, struct call *call)
{
    struct request *r = &call->request;
    r->op = OP_ADD;
    r->effects = EFFECT_WRAP;
    r->number = (int64_t)m->delta;
    switch (m->mode) {
    case 0:
    case 'I':
    case '+': break;
    case 'D':
    case '-': r->subtract = true; break;
    default: return "CLIENT_ERROR invalid mode for ma M token";
    }
    r->condition = m->vivifies ? COND_NONE : COND_PRESENT;
    if (m->vivifies) {
        r->create = mc_lifetime(m->vivify_ttl);
        r->value = m->initial_text.len > 0 ? m->initial_text : slice_text("0");
    }
    if (m->has_cas) {
        r->condition = COND_VERSION;
        r->if_version = m->cas;
    }
    if (m->has_ttl) {
        r->effects |= EFFECT_TOUCH;
        set_lifetime(r, m->ttl);
    }
    set_cas(r, m);
    call->form |= MC_META_ADD | (m->wants_value ? MC_CAS : 0) | (m->has_cas ? MC_IS_CAS : 0);
    return NULL;
}

static struct mc_line set(const struct codec_limits *limits, struct slice key, struct slice rest, struct call *call)
{
    struct meta m = {.delta = 1};
    struct slice size;
    int64_t bytes = 0;
    if (!mc_token(&rest, &size)) return mc_answer(call, MC_BAD_FORMAT);
    if (has_too_many(rest, FLAGS_MAX - 1)) return mc_answer(call, "CLIENT_ERROR options flags too long");
    if (!mc_signed(size, 0, MC_BYTES_MAX, &bytes)) return mc_answer(call, MC_BAD_FORMAT);
    const char *error = take_flags('s', rest, &m);
    if (!error && !mc_take_key(key, m.is_binary, call)) error = "CLIENT_ERROR error decoding key";
    if (!error && m.opaque_is_long) error = LONG_OPAQUE;
    if (!error) error = take_set(&m, call);
    if (!error && (uint64_t)bytes > limits->value) {
        call->form = 0;
        return mc_too_large(call->request.key, (uint64_t)bytes, call);
    }
    call->request.value = slice_of(NULL, (size_t)bytes);
    if (m.quiet && !error) call->form |= MC_QUIET;
    if (!error) return (struct mc_line){DECODE_BODY, 0};
    struct mc_line answer = mc_answer(call, error);
    answer.skip = (uint64_t)bytes + 2;
    return answer;
}

struct mc_line mc_meta(const struct codec_limits *limits, char name, struct slice rest, struct call *call)
{
    struct meta m = {.delta = 1};
    struct slice key, line = rest;
    if (name == 'n') return mc_answer(call, "MN");
    if (!mc_token(&rest, &key)) return mc_answer(call, "ERROR");
    if (!mc_key_ok(limits, key)) return mc_answer(call, MC_BAD_FORMAT);
    call->request.tag = slice_of(key.ptr, (size_t)(line.ptr + line.len - key.ptr));
    if (name == 's') return set(limits, key, rest, call);
    if (has_too_many(rest, FLAGS_MAX))
        return mc_answer(call, name == 'g' ? "CLIENT_ERROR options flags are too long"
                                           : "CLIENT_ERROR options flags too long");
    const char *error = take_flags(name, rest, &m);
    if (!error && !mc_take_key(key, m.is_binary, call)) error = "CLIENT_ERROR error decoding key";
    if (error && name != 'g') error = BAD_FLAG;
    if (!error && m.opaque_is_long) error = LONG_OPAQUE;
    if (!error) error = name == 'g' ? take_get(&m, call) : name == 'd' ? take_delete(&m, call) : take_add(&m, call);
    if (error) return mc_answer(call, error);
    if (m.quiet) call->form |= MC_QUIET;
    return (struct mc_line){DECODE_REQUEST, 0};
}
