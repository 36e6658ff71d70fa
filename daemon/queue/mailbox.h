/*
 * Completed calls on their way back to the I/O thread that made them: a multi-producer list that its one
 * consumer takes whole. One atomic operation per batch on either side. Needs no bound of its own: it holds
 * only calls, and those are bounded where they are made.
 */
#ifndef QUEUE_MAILBOX_H
#define QUEUE_MAILBOX_H

#include <stdatomic.h>

#include "proto/call.h"

struct mailbox { /* all zero: empty; where it must be written out, {NULL} ({0} is no pointer to clang 14) */
    _Alignas(64) _Atomic(struct call *) newest;
};

/* A chain of calls for one mailbox, linked by call->next from newest to oldest. All zero: empty. */
struct mail_batch {
    struct call *newest;
    struct call *oldest;
};

/* Adds `call` as the newest. */
void mail_batch_add(struct mail_batch *batch, struct call *call);

/* Any thread: hands the batch over and empties it. Ring the consumer's bell afterwards. */
void mailbox_post(struct mailbox *box, struct mail_batch *batch);

/* The consumer: everything posted so far, linked by call->next from oldest to newest, or NULL. */
struct call *mailbox_take(struct mailbox *box);

#endif
