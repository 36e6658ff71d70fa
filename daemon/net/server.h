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
#include "proto/address.h"

struct server;

struct server_options {
    uint32_t threads;         /* I/O loops, 1 to 64 */
    struct loop_options loop; /* for each; lane and open are filled in */
    uint64_t grace_ms;        /* how long a shutdown waits for slow readers */
    int receive_buffer; /* of the kernel, per connection, in bytes: what arrived and waits there unread waits out
                         * of our sight; 0: as the system has it */
    /* On the control thread: SIGHUP has come; a call is to be answered that the service leaves to it
     * (SERVICE_CONTROL), with what of its parts concerns it. Between two calls listeners and signals get their
     * turn.
     */
    void (*hangup)(void *ctx);
    void (*answer)(void *ctx, struct call *call);
    void *control_ctx;
};

/* NULL on failure, with a text for people in *error (static). */
struct server *server_create(const struct server_options *options, const char **error);

/* Opens a listener; nothing is accepted before server_run. False: `error` says why. Logs where it listens. All but
 * the address must outlive the server. */
bool server_listen(struct server *s, const char *name, const struct address *address, const struct codec *codec,
                   const struct transport_ops *transport, char *error, size_t error_size);

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

/* Any thread: the service's rules have changed; each loop tells it so at the end of its turn (service.flush). */
void server_settings_changed(struct server *s);

bool server_register_metrics(struct server *s, struct metrics *m);

/* Raises the limit on open files to what `connections` on `threads` loops need. False: `error` says what is
 * missing. */
bool server_raise_file_limit(uint32_t connections, uint32_t threads, char *error, size_t error_size);

#endif
