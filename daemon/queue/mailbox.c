/*
 * The mailbox: a stack that posters push whole chains on and the consumer takes whole, turned round.
 *
 *     poster A: a3 -> a2 -> a1 -.                       box: b1 -> a3 -> a2 -> a1
 *     poster B: b1 -------------'-> compare-and-swap    taken and reversed: a1 -> a2 -> a3 -> b1
 *
 * A compare-and-swap on a recycled address does no harm here: all it needs is that the chain it pushes ends at
 * what is now the newest mail.
 */
#include "daemon/queue/mailbox.h"

#include <assert.h>
#include <stddef.h>

void mail_batch_add(struct mail_batch *batch, struct mail *mail)
{
    assert((!batch->newest) == (!batch->oldest));
    mail->next = batch->newest;
    batch->newest = mail;
    if (!batch->oldest) batch->oldest = mail;
}

void mailbox_post(struct mailbox *box, struct mail_batch *batch)
{
    if (!batch->newest) return;
    struct mail *newest = batch->newest;
    struct mail *oldest = batch->oldest;
    *batch = (struct mail_batch){0};
    struct mail *below = atomic_load_explicit(&box->newest, memory_order_relaxed);
    do {
        oldest->next = below;
    } while (!atomic_compare_exchange_weak_explicit(&box->newest, &below, newest, memory_order_release,
                                                    memory_order_relaxed));
}

struct mail *mailbox_take(struct mailbox *box)
{
    if (atomic_load_explicit(&box->newest, memory_order_relaxed) == NULL)
        return NULL; /* looking is cheaper than exchanging, and a consumer mostly looks in vain */
    /* Acquire: every post is a read-modify-write, so the newest one vouches for all those below it. */
    struct mail *mail = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
    struct mail *oldest_first = NULL;
    while (mail) {
        struct mail *older = mail->next;
        mail->next = oldest_first;
        oldest_first = mail;
        mail = older;
    }
    return oldest_first;
}
