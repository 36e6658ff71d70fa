/*
 * Commands for administrators: a line -> a request, or what memcached answers. Here are no slabs, no order of use
 * and no crawler, so what asks about these finds nothing, and what tunes them changes nothing.
 */
#include "proto/memcached/impl.h"

#define SLAB_CLASSES     63
#define MEMORY_LEAST_MIB 8

static bool is_number(struct slice token)
{
    uint64_t n = 0;
    return mc_unsigned(token, UINT32_MAX, &n);
}

static struct mc_line cachedump(const struct mc_tokens *t, struct call *call)
{
    uint64_t slab = 0;
    if (t->count < 4) return mc_answer(call, "CLIENT_ERROR bad command line");
    if (!mc_unsigned(t->at[2], UINT32_MAX, &slab) || !is_number(t->at[3])) return mc_answer(call, MC_BAD_FORMAT);
    return mc_answer(call, slab > SLAB_CLASSES ? "CLIENT_ERROR Illegal slab id" : "END");
}

static struct mc_line detail(const struct mc_tokens *t, struct call *call)
{
    bool alone = t->count == 3;
    if (alone && (mc_is(t->at[2], "on") || mc_is(t->at[2], "off"))) return mc_answer(call, "OK");
    if (alone && mc_is(t->at[2], "dump")) return mc_answer(call, "END");
    return mc_answer(call, "CLIENT_ERROR usage: stats detail on|off|dump");
}

static struct mc_line stats(const struct mc_tokens *t, struct call *call)
{
    static const char *const empty[] = {"slabs", "conns", "settings", "extstore"};
    if (t->count == 1) return mc_ask(call, OP_FACTS, MC_STATS);
    if (mc_is(t->at[1], "items")) return mc_ask(call, OP_FACTS, MC_STATS_ITEMS);
    if (mc_is(t->at[1], "reset")) return mc_answer(call, "RESET");
    if (mc_is(t->at[1], "cachedump")) return cachedump(t, call);
    if (mc_is(t->at[1], "detail")) return detail(t, call);
    if (mc_is(t->at[1], "sizes")) return mc_answer(call, "STAT sizes_status disabled\r\nEND");
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++)
        if (mc_is(t->at[1], empty[i])) return mc_answer(call, "END");
    return mc_answer(call, "ERROR");
}

static struct mc_line verbosity(const struct mc_tokens *t, struct call *call)
{
    if (t->count < 2 || t->count > 3) return mc_answer(call, "ERROR");
    mc_take_noreply(t, 1, call);
    if ((t->count == 3 || !mc_is(t->at[1], "noreply")) && !is_number(t->at[1]))
        return mc_answer(call, MC_BAD_FORMAT);
    return mc_answer(call, "OK");
}

/* The limit is limits.memory's, which is not changed while the daemon runs. */
static struct mc_line memory_limit(const struct mc_tokens *t, struct call *call)
{
    uint64_t mib = 0;
    if (t->count < 2 || t->count > 3) return mc_answer(call, "ERROR");
    mc_take_noreply(t, 1, call);
    if (!mc_unsigned(t->at[1], UINT32_MAX, &mib)) return mc_answer(call, "ERROR");
    if (mib < MEMORY_LEAST_MIB) return mc_answer(call, "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m");
    return mc_answer(call, "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust");
}

static struct mc_line crawler(const struct mc_tokens *t, struct call *call)
{
    bool has_argument = t->count == 3;
    if (t->count == 2 && mc_is(t->at[1], "disable")) return mc_answer(call, "OK");
    if (t->count == 2 && mc_is(t->at[1], "enable"))
        return mc_answer(call, "ERROR failed to start lru crawler thread");
    if (has_argument && (mc_is(t->at[1], "sleep") || mc_is(t->at[1], "tocrawl")))
        return mc_answer(call, is_number(t->at[2]) ? "OK" : MC_BAD_FORMAT);
    if (has_argument && (mc_is(t->at[1], "crawl") || mc_is(t->at[1], "metadump")))
        return mc_answer(call, "CLIENT_ERROR lru crawler disabled");
    return mc_answer(call, "ERROR");
}

static struct mc_line slabs(const struct mc_tokens *t, struct call *call)
{
    if (t->count == 3 && mc_is(t->at[1], "automove"))
        return mc_answer(call, is_number(t->at[2]) ? "OK" : MC_BAD_FORMAT);
    if (t->count != 4 || !mc_is(t->at[1], "reassign")) return mc_answer(call, "ERROR");
    bool known = is_number(t->at[2]) && is_number(t->at[3]);
    return mc_answer(call, known ? "NOSPARE source class has no spare pages" : MC_BAD_FORMAT);
}

/* What is known of one session. */
static struct mc_line debug(const struct codec_limits *limits, const struct mc_tokens *t, struct call *call)
{
    bool is_binary = t->count == 3 && mc_is(t->at[2], "b");
    if (t->count < 2 || t->count > 3 || (t->count == 3 && !is_binary) || !mc_key_ok(limits, t->at[1]) ||
        !mc_take_key(t->at[1], is_binary, call))
        return mc_answer(call, MC_BAD_FORMAT);
    call->request.tag = t->at[1];
    return mc_ask(call, OP_META, MC_DEBUG);
}

bool mc_admin(const struct codec_limits *limits, const struct mc_tokens *t, struct call *call, struct mc_line *line)
{
    struct slice name = t->at[0];
    if (mc_is(name, "stats"))
        *line = stats(t, call);
    else if (mc_is(name, "version"))
        *line = mc_answer(call, "VERSION " MC_VERSION);
    else if (mc_is(name, "verbosity"))
        *line = verbosity(t, call);
    else if (mc_is(name, "me"))
        *line = debug(limits, t, call);
    else if (mc_is(name, "cache_memlimit"))
        *line = memory_limit(t, call);
    else if (mc_is(name, "lru_crawler"))
        *line = crawler(t, call);
    else if (mc_is(name, "slabs"))
        *line = slabs(t, call);
    else if (mc_is(name, "shutdown"))
        *line = mc_answer(call, "ERROR: shutdown not enabled");
    else
        return false;
    return true;
}
