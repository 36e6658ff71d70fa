/* The table of keys, and finding things in it. */
#include "config/schema.h"

#include <string.h>

#include "config/settings.h"

#define FIELD(field_) offsetof(struct settings, field_), sizeof(((struct settings *)0)->field_)
#define WORDS(...)                 \
    .words = (const char *const[]) \
    {                              \
        __VA_ARGS__, NULL          \
    }
#define KIB(n_)         ((uint64_t)(n_) << 10)
#define MIB(n_)         ((uint64_t)(n_) << 20)
#define GIB(n_)         ((uint64_t)(n_) << 30)
#define SECONDS(n_)     ((uint64_t)(n_)*1000)
#define HOURS(n_)       SECONDS((n_)*3600)
#define DAYS(n_)        HOURS((n_)*24)
#define SPECIAL(w_, v_) .special = {{(w_), (v_)}}

/* clang-format off */
const struct schema_key schema_keys[] = {
    {"listen.text", SCHEMA_ADDRESSES, FIELD(listen.text), "127.0.0.1:7811",
     .help = "Where the text protocol is spoken, the one for netcat, the sluice command and the C library."},

    {"listen.resp", SCHEMA_ADDRESSES, FIELD(listen.resp), "127.0.0.1:7812",
     .help = "Where the protocol of Redis is spoken (RESP2 and RESP3), for the session clients that web frameworks "
             "have. docs/clients.md tells what differs from Redis."},
    {"listen.memcached", SCHEMA_ADDRESSES, FIELD(listen.memcached), "127.0.0.1:7813",
     .help = "Where memcached's text protocol is spoken, classic and meta commands. docs/clients.md tells what "
             "differs from memcached."},

    {"threads", SCHEMA_NUMBER, FIELD(threads), "auto", 1, SETTINGS_THREADS_MAX, SPECIAL("auto", 0),
     .unit = "threads",
     .help = "I/O threads: they read requests and write replies. auto takes as many as suit the processors at hand, or, "
             "where they can own the sessions, as many as there are shards, if that is more than one."},

    {"threads_cpus", SCHEMA_CPUS, FIELD(threads_cpus), "any",
     .help = "The processors that the I/O threads may run on, as in 0-3,6."},

    {"backend", SCHEMA_WORD, FIELD(backend), "backpressure", WORDS("mutex", "owner", "backpressure"),
     .help = "The concurrency design that guards the sessions. mutex: worker threads around a lock. owner: one "
             "thread owns all sessions, and when its queue is full, connections are not read until there is room. "
             "backpressure: the same owner, but when its queue is full, requests are answered OVERLOADED at once."},

    {"mutex.workers", SCHEMA_NUMBER, FIELD(mutex.workers), "auto", 0, 256, SPECIAL("auto", SETTINGS_AUTO),
     .unit = "threads",
     .help = "Worker threads that take the lock. 0 means that the I/O threads take it themselves; "
             "auto takes as many as suit the processors at hand."},
    {"mutex.stripes", SCHEMA_NUMBER, FIELD(mutex.stripes), "1", 1, 1024, .unit = "stripes",
     .help = "Number of locks, each with its own part of the sessions. More stripes mean less waiting for a lock."},
    {"mutex.lock", SCHEMA_WORD, FIELD(mutex.lock), "mutex", WORDS("mutex", "rwlock"),
     .help = "The kind of lock. rwlock exists for comparison: it lets readers in together."},

    {"shards", SCHEMA_NUMBER, FIELD(shards), "1", 1, SETTINGS_SHARDS_MAX, .unit = "shards",
     .help = "For the owner and backpressure backends: number of owners, each with its own part of the sessions. "
             "With as many I/O threads as shards, each of them may be an owner (owner.placement). More than one pay "
             "where one processor is not enough."},

    {"owner.placement", SCHEMA_WORD, FIELD(owner.placement), "auto", WORDS("auto", "loop", "thread"),
     .help = "Which threads own the sessions. thread: one of its own for each shard, so that slow work keeps nobody "
             "from being answered. loop: the I/O threads, of which there must be as many as shards; what a thread reads "
             "for its own shard is executed on the spot, which costs least. auto takes loop where there are as many I/O "
             "threads as shards, no work.iterations, and owner.cpus is any."},
    {"owner.cpus", SCHEMA_CPUS, FIELD(owner.cpus), "any",
     .help = "The processors that the owner threads may run on, as in 1 or 4-7."},

    {"queue.bound", SCHEMA_NUMBER, FIELD(queue.bound), "1024", 1, 1048576, .unit = "requests",
     .help = "Requests that may wait for the backend. The shards, or the workers of a mutex pool, share them "
             "out, at least one each. A longer queue absorbs longer bursts, and makes accepted requests wait longer "
             "under overload. Can be changed while the daemon runs."},
    {"queue.policy", SCHEMA_WORD, FIELD(queue.policy), "auto",
     WORDS("auto", "wait", "reject", "drop-oldest", "codel", "codel-rfc", "adaptive"),
     .help = "What happens under overload; docs/overload.md explains the choice. wait: when the queue is full, "
             "connections are not read until there is room. reject: when it is full, requests are answered OVERLOADED "
             "at once. drop-oldest: the request that has waited longest is answered OVERLOADED instead. codel: while "
             "the queue does not drain, requests that have waited longer than twice the target are answered "
             "OVERLOADED. codel-rfc: by the law of RFC 8289, for comparison. adaptive: as reject, and finds the right "
             "target itself. auto goes by backend: wait for mutex and owner, reject for backpressure. Can be changed "
             "while the daemon runs."},
    {"queue.target", SCHEMA_SHORT, FIELD(queue.target_us), "off", 0, 60000000, SPECIAL("off", 0),
     .help = "The time that a request may wait. reject and drop-oldest: whoever would wait longer, by what the "
             "requests before it are expected to cost, finds the queue full; never shorter than 10 average requests "
             "take. codel, codel-rfc, adaptive: the wait they aim at, in place of their own choice. Can be changed "
             "while the daemon runs."},

    {"class.get", SCHEMA_WORD, FIELD(class.get), "normal", .min = PRIORITY_CRITICAL, WORDS("critical", "normal", "sheddable"),
     .help = "GET, and what only reads one session in other protocols."},
    {"class.put", SCHEMA_WORD, FIELD(class.put), "normal", .min = PRIORITY_CRITICAL, WORDS("critical", "normal", "sheddable"),
     .help = "PUT, and what changes a session's value in other protocols."},
    {"class.delete", SCHEMA_WORD, FIELD(class.delete), "critical", .min = PRIORITY_CRITICAL, WORDS("critical", "normal", "sheddable"),
     .help = "DELETE: who logs out should be logged out."},
    {"class.touch", SCHEMA_WORD, FIELD(class.touch), "normal", .min = PRIORITY_CRITICAL, WORDS("critical", "normal", "sheddable"),
     .help = "TOUCH, and whatever sets a lifetime."},
    {"class.other", SCHEMA_WORD, FIELD(class.other), "normal", .min = PRIORITY_CRITICAL, WORDS("critical", "normal", "sheddable"),
     .help = "LEN, scans, and other requests on many sessions."},

    {"ttl.default", SCHEMA_DURATION, FIELD(ttl.default_ms), "30m", 1, DAYS(3650), SPECIAL("never", UINT64_MAX),
     .help = "Lifetime of a session that was put with the lifetime \"-\". With never, such sessions stay until "
             "they are deleted."},
    {"ttl.sweep_interval", SCHEMA_DURATION, FIELD(ttl.sweep_interval_ms), "1s", 1, HOURS(1),
     .help = "How often the memory of expired sessions is given back. An expired session is never served or "
             "counted, however long this interval is."},
    {"ttl.max_lifetime", SCHEMA_DURATION, FIELD(ttl.max_lifetime_ms), "off", 1, DAYS(3650),
     SPECIAL("off", UINT64_MAX),
     .help = "The longest lifetime of a session: longer ones that a request asks for, never included, are "
             "shortened to it. off means that there is no such cap."},

    {"work.iterations", SCHEMA_NUMBER, FIELD(work.iterations), "0", 0, 1000000000, .unit = "rounds",
     .help = "Rounds of busy work that every operation does, a stand-in for business logic. It makes overload "
             "reproducible on any machine; leave it at 0 otherwise."},
    {"work.where", SCHEMA_WORD, FIELD(work.where), "inside", WORDS("inside", "outside"),
     .help = "Whether that work is done while the lock is held (inside) or before taking it (outside). outside "
             "needs the mutex backend."},

    {"limits.connections", SCHEMA_NUMBER, FIELD(limits.connections), "10000", 1, 1000000, .unit = "connections",
     .help = "Client connections open at the same time; one more is told so and closed. The limit on open files "
             "must allow for them."},
    {"limits.key", SCHEMA_SIZE, FIELD(limits.key), "512", 1, 1024,
     .help = "Longest key of a session, in bytes. Protocols have bounds of their own: 512 bytes the text protocol, "
             "250 memcached's."},
    {"limits.line", SCHEMA_SIZE, FIELD(limits.line), "64KiB", 512, MIB(1),
     .help = "Longest request line; values that are sent counted do not belong to the line. A longer line ends "
             "the connection. Must leave room for the longest key: at least limits.key + 256."},
    {"limits.value", SCHEMA_SIZE, FIELD(limits.value), "1MiB", 1, GIB(1),
     .help = "Largest value of a session, in bytes. A larger one is read, dropped and refused as too-large."},
    {"limits.parts", SCHEMA_NUMBER, FIELD(limits.parts), "10000", 1, 1000000, .unit = "parts",
     .help = "Most commands and keys of one transaction, and most keys of one MSET. They are executed together, while "
             "everybody waits. Of MGET, DEL and their like there may be more: these are executed in pieces."},
    {"limits.requests", SCHEMA_SIZE, FIELD(limits.requests), "256MiB", MIB(1), GIB(1024),
     .help = "Memory for requests of several keys, open transactions and unfinished lists of keys, of all connections "
             "together. When it is used up, more of these are refused; other requests are not."},
    {"limits.output_soft", SCHEMA_SIZE, FIELD(limits.output_soft), "1MiB", KIB(1), GIB(4),
     .help = "Replies waiting to be sent on one connection from which on no more requests are read from it."},
    {"limits.output_hard", SCHEMA_SIZE, FIELD(limits.output_hard), "16MiB", KIB(16), GIB(4),
     .help = "Replies waiting to be sent on one connection from which on it is closed, if its client takes nothing "
             "of them for five seconds. Must be at least limits.output_soft and have room for one value."},
    {"limits.memory", SCHEMA_SIZE, FIELD(limits.memory), "auto", MIB(1), GIB(16384),
     .special = {{"auto", SETTINGS_MEMORY_AUTO}, {"off", 0}},
     .help = "Memory for sessions. When it is used up, new sessions are refused as out-of-memory, while reading, "
             "deleting and updates that do not grow a session go on. auto takes three quarters of what the process may "
             "use: of the limit that a cgroup (a container, a systemd unit) sets, or of the machine's memory; the log "
             "says at start how much that is. off sets no limit: then the system may end the daemon when memory is out."},
    {"limits.idle_timeout", SCHEMA_DURATION, FIELD(limits.idle_timeout_ms), "off", 1, DAYS(30), SPECIAL("off", 0),
     .help = "A connection on which nothing happens for this long is closed. With off, connections stay as long as their "
             "clients do; those over TCP whose peer is gone without a word are found and closed after five minutes."},
    {"limits.request_timeout", SCHEMA_DURATION, FIELD(limits.request_timeout_ms), "30s", 1, DAYS(30),
     SPECIAL("off", 0),
     .help = "Time that a client may take to send one request to its end, once it has begun."},

    {"log.level", SCHEMA_WORD, FIELD(log.level), "info", WORDS("debug", "info", "warn", "error"),
     .help = "The least important messages that are still written to standard error."},
    {"log.format", SCHEMA_WORD, FIELD(log.format), "logfmt", WORDS("logfmt", "json"),
     .help = "How a message is written: as name=value pairs, or as one JSON object a line."},

    {"shutdown.grace", SCHEMA_DURATION, FIELD(shutdown.grace_ms), "10s", 0, HOURS(1),
     .help = "Time to answer everything accepted after SIGTERM or SIGINT, before the daemon exits all the same. "
             "A second signal ends it at once."},
};
/* clang-format on */

const size_t schema_count = sizeof schema_keys / sizeof schema_keys[0];

_Static_assert(sizeof schema_keys / sizeof schema_keys[0] <= SCHEMA_KEYS_MAX, "raise SCHEMA_KEYS_MAX");
_Static_assert(sizeof(enum settings_backend) == sizeof(uint32_t), "words are stored as 32 bits");

static const struct schema_section sections[] = {
    {"listen", "Where the daemon listens. Each key takes one address, a list of addresses, or off. An address is "
               "host:port (port 0: any free one), \"[v6]:port\" in quotes, or unix:/path, a Unix socket with the "
               "permission bits 0660 unless they are given, as in unix:/path?mode=0600."},
    {"mutex", "For the mutex backend only."},
    {"owner", "For the owner and backpressure backends only."},
    {"queue", "The bounded queue in front of the backend."},
    {"class",
     "Who is turned away first under overload: the class of requests that do not name one themselves. When "
     "the queue is full, a request of a higher class takes the place of the newest one of the lowest class."},
    {"ttl", "Lifetimes of sessions."},
    {"work", "Artificial work, for experiments."},
    {"limits", "What one client, and all of them together, can make the daemon hold."},
    {"log", "Messages on standard error."},
    {"shutdown", "How the daemon ends."},
};

const struct schema_key *schema_find(const char *name, size_t len)
{
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_key *key = &schema_keys[i];
        if (strlen(key->name) == len && memcmp(key->name, name, len) == 0) return key;
    }
    return NULL;
}

/* What follows "section." in a row's name, or NULL when the row is not in that section. */
static const char *below(const char *row_name, const char *section, size_t len)
{
    if (len == 0) return row_name;
    if (strlen(row_name) <= len || memcmp(row_name, section, len) != 0 || row_name[len] != '.') return NULL;
    return row_name + len + 1;
}

const struct schema_key *schema_find_section(const char *name, size_t len)
{
    if (len == 0) return NULL;
    for (size_t i = 0; i < schema_count; i++)
        if (below(schema_keys[i].name, name, len)) return &schema_keys[i];
    return NULL;
}

const char *schema_section_help(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (strlen(sections[i].name) == len && memcmp(sections[i].name, name, len) == 0) return sections[i].help;
    return NULL;
}

const char *schema_next_child(const char *prefix, size_t prefix_len, size_t *row, size_t *len, bool *section)
{
    for (; *row < schema_count; (*row)++) {
        const char *child = below(schema_keys[*row].name, prefix, prefix_len);
        if (!child) continue;
        size_t n = strcspn(child, ".");
        const char *before = *row > 0 ? below(schema_keys[*row - 1].name, prefix, prefix_len) : NULL;
        /* Rows of a section stand together, so a child was seen before only if it is the previous row's. */
        if (before && strcspn(before, ".") == n && memcmp(before, child, n) == 0) continue;
        (*row)++;
        *len = n;
        *section = child[n] == '.';
        return child;
    }
    return NULL;
}
