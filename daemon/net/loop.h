/*
 * An I/O thread: one event loop with its connections, the tasks it made and the mailbox they come back to.
 *
 *     listener --loop_adopt--> [conn: read -> decode -> service.submit]          (this thread)
 *     backend  --loop_complete--> mailbox -> [conn: reply in order -> encode -> send]
 *
 * While the thread is awake, nobody needs a system call to hand it work.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>

#include "daemon/base/metrics.h"
#include "daemon/net/options.h"
#include "daemon/queue/mailbox.h"

struct loop;
struct conn_socket;

/* Starts the thread. NULL on failure, with a text for people in *error (static). */
struct loop *loop_start(const struct loop_options *options, const char **error);

/* Any thread: gives the socket to the loop, which closes it. */
void loop_adopt(struct loop *loop, const struct conn_socket *socket);

/* Any thread: takes the batch of mail, as of completed tasks, and wakes the loop. */
void loop_complete(struct loop *loop, struct mail_batch *batch);

/* Any thread: the reply in the task is a message that nobody asked for. It is written on the connection task->conn,
 * behind the replies to what came before, or nowhere if that has gone. The task is from malloc and task_init,
 * borrows nothing, and is the loop's from now on. */
void loop_push(struct loop *loop, struct task *task);

/* Any thread: calls that are held (SERVICE_HOLD) may find room. */
void loop_room(struct loop *loop);

/* Any thread: the service's rules have changed. */
void loop_settings_changed(struct loop *loop);

/* The control thread: gives back a task that this loop asked of it (options.ask). */
void loop_answer(struct loop *loop, struct task *task);

/* Any thread: there is something to `serve`. */
void loop_wake(struct loop *loop);

/*
 * Any thread: no more bytes are taken in than have arrived; what was received whole is answered, then each
 * connection is closed, and options.drained called. loop_abort closes at once what is left. Until loop_end the
 * thread goes on serving others.
 */
void loop_drain(struct loop *loop);
void loop_abort(struct loop *loop);
void loop_end(struct loop *loop);

/* Joins the thread, after loop_end. Calls that the backend still holds may come back until loop_free. */
void loop_join(struct loop *loop);
void loop_free(struct loop *loop);

bool loop_register_metrics(struct loop *loop, struct metrics *m);

#endif
