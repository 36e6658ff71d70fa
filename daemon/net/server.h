/*
 * The network side of the daemon, whole: I/O loops, listeners, signals, orderly shutdown.
 *
 *     server_create (loops run) -> server_listen ... -> server_run (accepts; returns when drained) -> server_free
 *
 * server_create, listen, run and free belong to one thread, the control thread.
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "daemon/base/metrics.h"
#include "daemon/net/options.h"
#include "daemon/net/transport.h"
#include "proto/facts.h"

struct server;

struct server_address {
    bool is_unix;
    const char *host; /* TCP: an address or a name */
    uint16_t port;    /* TCP; 0: any free one */
    const char *path; /* Unix */
    uint32_t mode;    /* Unix: permission bits of the socket file */
};

struct server_options {
    uint32_t threads;         /* I/O loops, 1 to 64 */
    struct loop_options loop; /* for each; lane and open are filled in */
    uint64_t grace_ms;        /* how long a shutdown waits for slow readers */
    int receive_buffer; /* of the kernel, per connection, in bytes: what arrived and waits there unread waits out
                         * of our sight; 0: as the system has it */
    void (*hangup)(void *ctx); /* on SIGHUP, on the control thread */
    void *hangup_ctx;
};

/* NULL on failure, with a text for people in *error (static). */
struct server *server_create(const struct server_options *options, const char **error);

/* Opens a listener; nothing is accepted before server_run. False: `error` says why. Logs where it listens. All but
 * the address must outlive the server. */
bool server_listen(struct server *s, const char *name, const struct server_address *address,
                   const struct codec *codec, const struct transport_ops *transport, char *error,
                   size_t error_size);

/*
 * Accepts until SIGTERM or SIGINT, then drains: listeners close, what was received is answered, connections are
 * closed, and after the grace the rest is cut off. A second signal ends the process at once with status 1. SIGHUP
 * calls options.hangup.
 */
void server_run(struct server *s);

/* Instead of server_run, when the daemon could not start after all: ends the loops. */
void server_stop(struct server *s);

/* After server_run or server_stop, and after the backend has completed its last call. */
void server_free(struct server *s);

/* Any thread: a batch of completed calls for this lane; calls that it holds may find room; there is something for
 * it to `serve`. */
void server_complete(void *server, uint32_t lane, struct mail_batch *batch);
void server_push(void *server, uint32_t lane, struct task *task); /* loop_push */
void server_room(void *server, uint32_t lane);
void server_wake(void *server, uint32_t lane);

bool server_register_metrics(struct server *s, struct metrics *m);

/* Any thread: fills in what the network room knows. */
void server_add_facts(const struct server *s, struct facts *f);

/* Raises the limit on open files to what `connections` on `threads` loops need. False: `error` says what is
 * missing. */
bool server_raise_file_limit(uint32_t connections, uint32_t threads, char *error, size_t error_size);

#endif
