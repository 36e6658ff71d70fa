/*
 * What other threads hand to an I/O thread, first of all its completed tasks: a multi-producer list that its one
 * consumer takes whole. One atomic operation per batch on either side. Needs no bound of its own: it links what
 * exists already, and that is bounded where it is made.
 */
#ifndef QUEUE_MAILBOX_H
#define QUEUE_MAILBOX_H

#include <stdatomic.h>

/* A link of the list, at the front of what is handed over. */
struct mail {
    struct mail *next;
    /* What the consumer does with it, which it may free; `to` is the consumer. NULL: it is a completed task. */
    void (*deliver)(struct mail *mail, void *to);
};

struct mailbox { /* all zero: empty; where it must be written out, {NULL} ({0} is no pointer to clang 14) */
    _Alignas(64) _Atomic(struct mail *) newest;
};

/* A chain of mail for one mailbox, linked by `next` from newest to oldest. All zero: empty. */
struct mail_batch {
    struct mail *newest;
    struct mail *oldest;
};

/* Adds `mail` as the newest. */
void mail_batch_add(struct mail_batch *batch, struct mail *mail);

/* Any thread: hands the batch over and empties it. Ring the consumer's bell afterwards. */
void mailbox_post(struct mailbox *box, struct mail_batch *batch);

/* The consumer: everything posted so far, linked by `next` from oldest to newest, or NULL. */
struct mail *mailbox_take(struct mailbox *box);

#endif
