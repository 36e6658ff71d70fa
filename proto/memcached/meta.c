/* The meta commands: a line with flags -> a request. */
#include "proto/memcached/impl.h"

#define FLAGS_MAX  20
#define OPAQUE_MAX 32
#define BAD_FORMAT "CLIENT_ERROR bad command line format"
#define BAD_TOKEN  "CLIENT_ERROR bad token in command line format"

/* What the flags said. */
struct meta {
    const char *error;
    char mode; /* M: as the client wrote it; 0: none */
    bool has_cas, is_binary, quiet, stale, has_ttl, has_new_cas, wants_value;
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
    return mc_signed(token, INT32_MIN, INT32_MAX, n) ? NULL : BAD_TOKEN;
}

/* Flags that take a token; NULL: fine. */
static const char *take_valued(struct meta *m, char flag, struct slice token)
{
    switch (flag) {
    case 'T': m->has_ttl = true; return take_seconds(token, &m->ttl);
    case 'N': m->vivifies = true; return take_seconds(token, &m->vivify_ttl);
    case 'R': return take_number(token, INT32_MAX, &m->recache_s);
    case 'C': m->has_cas = true; return take_number(token, UINT64_MAX, &m->cas);
    case 'E': m->has_new_cas = true; return take_number(token, UINT64_MAX, &m->new_cas);
    case 'F': return take_number(token, UINT32_MAX, &m->flags);
    case 'D':
        return take_number(token, UINT64_MAX, &m->delta) ? "CLIENT_ERROR invalid numeric delta argument" : NULL;
    case 'J': m->initial_text = token; return take_number(token, UINT64_MAX, &m->initial);
    case 'M':
        if (token.len != 1) return "CLIENT_ERROR incorrect length for M token";
        m->mode = token.ptr[0];
        return NULL;
    case 'O': return token.len > OPAQUE_MAX ? "CLIENT_ERROR opaque token too long" : NULL;
    default: return NULL; /* L, P: for proxies */
    }
}

static const char *take_flag(struct meta *m, struct slice flag)
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
    case 'f': return NULL; /* for the reply */
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
    default: return "CLIENT_ERROR invalid flag";
    }
    return take_valued(m, flag.ptr[0], slice_of(flag.ptr + 1, flag.len - 1));
}

static const char *take_flags(struct slice rest, struct meta *m)
{
    uint64_t seen[2] = {0, 0};
    struct slice flag;
    const char *error = NULL;
    for (int n = 0; mc_token(&rest, &flag); n++) {
        unsigned char letter = (unsigned char)flag.ptr[0];
        if (n == FLAGS_MAX) return "CLIENT_ERROR options flags are too long";
        if (letter >= 127) return "CLIENT_ERROR invalid flag";
        if (seen[letter / 64] >> (letter % 64) & 1) return "CLIENT_ERROR duplicate flag";
        seen[letter / 64] |= UINT64_C(1) << (letter % 64);
        const char *wrong = take_flag(m, flag);
        if (wrong && !error) error = wrong;
    }
    return error;
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

/* The request's key; one in base64 is decoded into the call's own storage. */
static bool take_key(struct slice key, const struct meta *m, struct call *call)
{
    call->request.key = key;
    if (!m->is_binary) return true;
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

static const char *take_get(const struct meta *m, struct call *call)
{
    struct request *r = &call->request;
    r->op = m->wants_value ? OP_GET : OP_META;
    r->effects = EFFECT_LEASE;
    r->recache_ms = m->recache_s * 1000;
    if (m->vivifies) r->create = mc_lifetime(m->vivify_ttl);
    if (m->has_ttl) {
        r->effects |= EFFECT_TOUCH;
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
    case 'S':
    case 's': break;
    case 'E':
    case 'e': r->condition = COND_ABSENT; break;
    case 'R':
    case 'r': r->condition = COND_PRESENT; break;
    case 'A':
    case 'a':
    case 'P':
    case 'p':
        r->op = m->mode == 'A' || m->mode == 'a' ? OP_APPEND : OP_PREPEND;
        r->condition = m->vivifies ? COND_NONE : COND_PRESENT;
        r->create = mc_lifetime(m->vivify_ttl);
        r->ttl_kind = TTL_KEEP;
        break;
    default: return "CLIENT_ERROR invalid mode for ms";
    }
    if (m->has_cas) {
        r->condition = COND_VERSION;
        r->if_version = m->cas;
        if (m->stale && r->op == OP_PUT) r->effects |= EFFECT_INVALIDATE;
    }
    if (m->has_new_cas) {
        r->effects |= EFFECT_SET_VERSION;
        r->set_version = m->new_cas;
    }
    call->form |= MC_META_SET | (m->has_cas ? MC_IS_CAS : 0);
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
    case 'i':
    case '+': break;
    case 'D':
    case 'd':
    case '-': r->subtract = true; break;
    default: return "CLIENT_ERROR invalid mode for ma";
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
    call->form |= MC_META_ADD | (m->wants_value ? MC_CAS : 0) | (m->has_cas ? MC_IS_CAS : 0);
    return NULL;
}

static struct mc_line set(const struct codec_limits *limits, struct slice key, struct slice rest, struct call *call)
{
    struct meta m = {.delta = 1};
    struct slice size;
    int64_t bytes = 0;
    if (!mc_token(&rest, &size) || !mc_signed(size, INT32_MIN, INT32_MAX, &bytes) || bytes < 0 ||
        bytes > INT32_MAX - 2)
        return mc_answer(call, "CLIENT_ERROR bad data chunk");
    const char *error = take_flags(rest, &m);
    if (m.quiet) call->form |= MC_QUIET;
    if (!error) error = take_set(&m, call);
    if (!error && (uint64_t)bytes > limits->value) error = "SERVER_ERROR object too large for cache";
    call->request.value = slice_of(NULL, (size_t)bytes);
    if (!error && !take_key(key, &m, call)) error = BAD_FORMAT;
    if (!error) return (struct mc_line){DECODE_BODY, 0};
    call->form &= ~MC_QUIET; /* errors are always told */
    struct mc_line answer = mc_answer(call, error);
    answer.skip = (uint64_t)bytes + 2;
    return answer;
}

struct mc_line mc_meta(const struct codec_limits *limits, char name, struct slice rest, struct call *call)
{
    struct meta m = {.delta = 1};
    struct slice key, line = rest;
    if (name == 'n') return mc_answer(call, "MN");
    if (!mc_token(&rest, &key) || !mc_key_ok(limits, key)) return mc_answer(call, BAD_FORMAT);
    call->request.tag = slice_of(key.ptr, (size_t)(line.ptr + line.len - key.ptr));
    if (name == 's') return set(limits, key, rest, call);
    const char *error = take_flags(rest, &m);
    if (!error) error = name == 'g' ? take_get(&m, call) : name == 'd' ? take_delete(&m, call) : take_add(&m, call);
    if (!error && !take_key(key, &m, call)) error = BAD_FORMAT;
    if (error) return mc_answer(call, error);
    if (m.quiet) call->form |= MC_QUIET;
    return (struct mc_line){DECODE_REQUEST, 0};
}
