/*
 * libsluice: a client of the Sluice session store. C99 and C++.
 *
 *     struct sluice *s;
 *     struct sluice_result r;
 *     if (sluice_open(NULL, &s) != SLUICE_OK) puts(sluice_error_text(s));
 *     sluice_put(s, sluice_text("alice"), sluice_text("{}"), SLUICE_TTL_DEFAULT, NULL, &r);
 *     if (sluice_get(s, sluice_text("alice"), NULL, &r) == SLUICE_OK) fwrite(r.body.data, 1, r.body.len, stdout);
 *     sluice_close(s);
 *
 * Threads: a handle serves one thread at a time. Different handles never share anything, so one handle per
 * thread needs no lock. No function here changes signal handlers, the locale or any other state of the process,
 * and writing to a connection that has gone never raises SIGPIPE.
 *
 * Time: every call that waits gives up after a timeout. What waits is a poll on a non-blocking socket; only the
 * look-up of a host *name* is the resolver's own affair and follows its timeouts.
 *
 * OVERLOADED, LATE, CONFLICT and SERVER_ERROR mean that the request was not executed and may be sent again; after
 * TIMEOUT and DISCONNECTED nobody knows, so only the caller can decide. The synchronous calls send a request that
 * was answered OVERLOADED again by themselves, within limits that keep clients from making an overload worse
 * (struct sluice_retry_options, where it can be switched off). Nothing else is ever retried.
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_DEFAULT_HOST "127.0.0.1"
#define SLUICE_DEFAULT_PORT 7811
#define SLUICE_KEY_MAX      512 /* bytes in a key */
#define SLUICE_TAG_MAX      32  /* bytes in a tag */

/* How a call ended. */
enum sluice_status {
    SLUICE_OK,        /* executed */
    SLUICE_NOT_FOUND, /* executed: there is no such session */
    SLUICE_CONFLICT,  /* not executed: the condition did not hold; result.version is the current one, 0 if absent */
    SLUICE_OVERLOADED,   /* not executed: the server has too much to do; see result.retry_ms */
    SLUICE_LATE,         /* not executed: its deadline had passed */
    SLUICE_SERVER_ERROR, /* not executed: see result.error and result.body */

    /* From here on the server has not answered. */
    SLUICE_BAD_ARGUMENT,   /* nothing was sent: a bad key, tag, address, or a call out of place */
    SLUICE_NO_MEMORY,      /* nothing was sent if a send function says so; else as SLUICE_DISCONNECTED */
    SLUICE_CANNOT_CONNECT, /* nothing was sent: the server cannot be reached */
    SLUICE_TIMEOUT,        /* no answer in time; it may or may not have been executed */
    SLUICE_DISCONNECTED,   /* the connection is gone; it may or may not have been executed */
    SLUICE_PROTOCOL        /* what came is no Sluice reply, or the reply to something else */
};

/* Why the server refused (SLUICE_SERVER_ERROR). */
enum sluice_error {
    SLUICE_ERROR_NONE,
    SLUICE_ERROR_BAD_REQUEST,
    SLUICE_ERROR_UNKNOWN_VERB,
    SLUICE_ERROR_BAD_KEY,
    SLUICE_ERROR_BAD_TTL,
    SLUICE_ERROR_TOO_LARGE,
    SLUICE_ERROR_OUT_OF_MEMORY,
    SLUICE_ERROR_UNAUTHORIZED,
    SLUICE_ERROR_TOO_MANY_CONNECTIONS,
    SLUICE_ERROR_TIMEOUT,
    SLUICE_ERROR_UNAVAILABLE,
    SLUICE_ERROR_INTERNAL
};

/* A borrowed run of bytes; any bytes, no NUL at its end. */
struct sluice_bytes {
    const char *data;
    size_t len;
};

static inline struct sluice_bytes sluice_bytes(const void *data, size_t len)
{
    struct sluice_bytes bytes;
    bytes.data = (const char *)data;
    bytes.len = len;
    return bytes;
}

/* The bytes of a NUL-terminated string, without its NUL. */
static inline struct sluice_bytes sluice_text(const char *text)
{
    return sluice_bytes(text, strlen(text));
}

/* ------------------------------------------------------------------------------------------ connections -- */

struct sluice; /* one connection */

/*
 * What the synchronous calls do about OVERLOADED. All zero stands for the defaults:
 *
 * - a request is sent at most 3 times, the first time included;
 * - before it is sent again, the call waits a random time between 0 and the server's hint (result.retry_ms), twice
 *   the hint the next time, at most 1 s; and never past the request timeout: then it gives up at once;
 * - on average at most 10 % of the calls of a handle are sent again, with 10 in reserve for a burst (a token
 * bucket);
 * - when the server has refused more than every second call of late, some calls are answered OVERLOADED without
 *   being sent (result.throttled), more of them the more it refuses: so a server that is far too busy is spared
 * even the refusing.
 *
 * To switch all of it off: {.attempts = 1, .throttle = -1}.
 */
struct sluice_retry_options {
    int attempts;       /* most times a request is sent; 0: 3; 1: once */
    int max_wait_ms;    /* longest wait between two attempts; 0: 1,000 */
    int budget_percent; /* of the calls may be sent again, over time; 0: 10; below 0: any number */
    int throttle;       /* K: throttling begins when fewer than 1 in K calls are taken on; 0: 2; below 0: off */
};

/* Where to connect and how long to wait. All zero is sluice://127.0.0.1:7811 and the default timeouts. */
struct sluice_options {
    const char *url;       /* sluice://host[:port], sluice://[v6]:port or unix:/path; then none of the next three */
    const char *host;      /* a name, an IPv4 or an IPv6 address (without brackets) */
    uint16_t port;         /* 0: SLUICE_DEFAULT_PORT */
    const char *unix_path; /* a Unix socket; then neither host nor port */
    int connect_timeout_ms; /* 0: 5,000; below 0: none */
    int request_timeout_ms; /* 0: 10,000; below 0: none. For one call: send and reply */
    size_t reply_max;       /* largest value or document believed, in bytes; 0: 64 MiB */
    struct sluice_retry_options retry;
};

/*
 * Connects. *out gets a handle also when that fails, so that sluice_error_text can say why and sluice_reconnect
 * can try again; only when memory is out it is NULL. Either way sluice_close ends it. `options` may be NULL and
 * is copied.
 */
enum sluice_status sluice_open(const struct sluice_options *options, struct sluice **out);

/* Drops the connection, with all unsent requests and unreceived replies, and connects anew to the same place. */
enum sluice_status sluice_reconnect(struct sluice *s);

/* Ends the connection and frees the handle. NULL is fine. */
void sluice_close(struct sluice *s);

/* What went wrong in the last call that failed: one line for people, valid until the next call. Never NULL. */
const char *sluice_error_text(const struct sluice *s);

/* The errno value behind the last SLUICE_CANNOT_CONNECT (ECONNREFUSED ...); 0: the host's name is not known. */
int sluice_system_error(const struct sluice *s);

/* Where the handle leads, for messages: "127.0.0.1:7811", "[::1]:7811" or "unix:/path". */
const char *sluice_address(const struct sluice *s);

/*
 * The socket (non-blocking), -1 without a connection: for poll. Who reads or writes it must own the protocol
 * from there on and make no other call than sluice_close or sluice_reconnect.
 */
int sluice_fd(const struct sluice *s);

/* --------------------------------------------------------------------------------------------- requests -- */

enum sluice_condition {
    SLUICE_ALWAYS,
    SLUICE_IF_ABSENT,
    SLUICE_IF_PRESENT,
    SLUICE_IF_VERSION /* only if the session's version is request_options.version */
};

/* Under overload, who is turned away first. */
enum sluice_priority { SLUICE_PRIORITY_DEFAULT, SLUICE_CRITICAL, SLUICE_NORMAL, SLUICE_SHEDDABLE };

/* All zero (or NULL in place of it) is a plain request. */
struct sluice_request_options {
    enum sluice_condition condition; /* PUT, TOUCH, DELETE */
    uint64_t version;                /* with SLUICE_IF_VERSION */
    enum sluice_priority priority;
    uint64_t deadline_ms; /* if not started this long after it was sent: SLUICE_LATE; 0: no such wish */
    const char *tag;      /* 1 to 32 letters, digits, '-' or '_', echoed in the result; NULL: none */
    int early_refusal;    /* 1, with a tag: when pipelined, OVERLOADED and LATE may come ahead of earlier replies */
};

/* Lifetimes in milliseconds: 1 to 10 years, or one of these. */
#define SLUICE_TTL_DEFAULT 0    /* the server's ttl.default */
#define SLUICE_TTL_NEVER   (-1) /* no expiry */

/*
 * A lifetime as people write it: "-" (default), "never", "1800", "30m", "500ms", "12h", "7d". Returns
 * SLUICE_BAD_ARGUMENT, and leaves *ttl_ms alone, for anything else.
 */
enum sluice_status sluice_parse_ttl(const char *text, int64_t *ttl_ms);

/*
 * What came of a request. `body` borrows from the connection: it is valid until the next call with the same
 * handle (asking for its text or address apart), or until sluice_result_free after sluice_result_keep.
 */
struct sluice_result {
    enum sluice_status status;
    enum sluice_error error;      /* with SLUICE_SERVER_ERROR */
    struct sluice_bytes body;     /* get: the value; stats, config: JSON; help, version: text; SERVER_ERROR: text */
    uint64_t version;             /* get, put, touch: the session's; CONFLICT: the current one, 0 if absent */
    int64_t ttl_ms;               /* get: what is left; -1: never expires */
    uint64_t count;               /* len: unexpired sessions */
    int64_t retry_ms;             /* OVERLOADED: worth a retry after this; -1: do not retry */
    int attempts;                 /* synchronous calls: how often the request was sent; 0: not at all */
    int throttled;                /* OVERLOADED said by this library, not by the server: nothing was sent */
    char tag[SLUICE_TAG_MAX + 1]; /* the request's tag, "" if it had none */
    void *kept;                   /* the library's own; see sluice_result_keep */
};

/* Makes `body` the result's own, so that it outlives the next call. Then free it. Returns OK or NO_MEMORY. */
enum sluice_status sluice_result_keep(struct sluice_result *result);

/* Frees what sluice_result_keep took; harmless otherwise. */
void sluice_result_free(struct sluice_result *result);

/* "ok", "not-found", ...; "too-large", ...: stable names for logs. */
const char *sluice_status_name(enum sluice_status status);
const char *sluice_error_name(enum sluice_error error);

/*
 * Synchronous calls: one request, its reply, within the request timeout, retries included. They return
 * result->status; `result` must not be NULL. Keys and values are read before the call returns, not after. While
 * pipelined requests are unanswered these calls are out of place: SLUICE_BAD_ARGUMENT.
 *
 * After TIMEOUT, DISCONNECTED or PROTOCOL (and NO_MEMORY while receiving) the connection is of no more use:
 * every later call says DISCONNECTED until sluice_reconnect.
 */
enum sluice_status sluice_get(struct sluice *s, struct sluice_bytes key,
                              const struct sluice_request_options *options, struct sluice_result *result);
enum sluice_status sluice_put(struct sluice *s, struct sluice_bytes key, struct sluice_bytes value, int64_t ttl_ms,
                              const struct sluice_request_options *options, struct sluice_result *result);
enum sluice_status sluice_delete(struct sluice *s, struct sluice_bytes key,
                                 const struct sluice_request_options *options, struct sluice_result *result);
enum sluice_status sluice_touch(struct sluice *s, struct sluice_bytes key, int64_t ttl_ms,
                                const struct sluice_request_options *options, struct sluice_result *result);
enum sluice_status sluice_len(struct sluice *s, const struct sluice_request_options *options,
                              struct sluice_result *result);
enum sluice_status sluice_ping(struct sluice *s, const struct sluice_request_options *options,
                               struct sluice_result *result);
enum sluice_status sluice_stats(struct sluice *s, const struct sluice_request_options *options,
                                struct sluice_result *result);
enum sluice_status sluice_config(struct sluice *s, const struct sluice_request_options *options,
                                 struct sluice_result *result);
/* Changes one of the settings that may change while the server runs: "queue.bound", "64". Taken from this machine
 * only. */
enum sluice_status sluice_config_set(struct sluice *s, struct sluice_bytes key, struct sluice_bytes value,
                                     const struct sluice_request_options *options, struct sluice_result *result);
enum sluice_status sluice_help(struct sluice *s, const struct sluice_request_options *options,
                               struct sluice_result *result);
enum sluice_status sluice_version(struct sluice *s, const struct sluice_request_options *options,
                                  struct sluice_result *result);

/* ------------------------------------------------------------------------------------------- pipelining -- */

/*
 *     sluice_send_* ... sluice_send_*  ->  sluice_flush  ->  sluice_receive ... (as many, in the same order)
 *
 * The one exception to the order is what early_refusal asks for: the server tells OVERLOADED and LATE when it has
 * decided so, and does not wait until the requests before it are done. result.tag says whose result it is, so give
 * each request a tag that no other one in the pipeline has.
 *
 * The send functions only append to a buffer in memory. sluice_flush writes it out, and reads replies into
 * memory while it writes, so it cannot deadlock with a server that stops reading until its replies are read.
 * sluice_receive flushes what is left, then takes the next reply, each within the request timeout. What is
 * not received yet is held in memory: whoever sends without end should receive now and then (sluice_pending).
 *
 * sluice_receive returns result->status. The requests sent before the server closed the connection and
 * answered by it can still be received; then comes DISCONNECTED.
 */
enum sluice_status sluice_send_get(struct sluice *s, struct sluice_bytes key,
                                   const struct sluice_request_options *options);
enum sluice_status sluice_send_put(struct sluice *s, struct sluice_bytes key, struct sluice_bytes value,
                                   int64_t ttl_ms, const struct sluice_request_options *options);
enum sluice_status sluice_send_delete(struct sluice *s, struct sluice_bytes key,
                                      const struct sluice_request_options *options);
enum sluice_status sluice_send_touch(struct sluice *s, struct sluice_bytes key, int64_t ttl_ms,
                                     const struct sluice_request_options *options);
enum sluice_status sluice_send_len(struct sluice *s, const struct sluice_request_options *options);
enum sluice_status sluice_send_ping(struct sluice *s, const struct sluice_request_options *options);

enum sluice_status sluice_flush(struct sluice *s);
enum sluice_status sluice_receive(struct sluice *s, struct sluice_result *result);

/* How many requests were sent (or await sluice_flush) whose replies can still be received. */
size_t sluice_pending(const struct sluice *s);

#ifdef __cplusplus
}
#endif

#endif
