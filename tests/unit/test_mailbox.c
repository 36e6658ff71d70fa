/* The mailbox: whole batches in, everything out, each poster's calls in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/queue/bell.h"
#include "daemon/queue/mailbox.h"

#define POSTERS    4
#define EACH_CALLS 3000
#define ROUNDS     4
#define HANG_S     120 /* a lost wakeup hangs; the alarm then kills the test */

/* Checks that a chain holds just the calls numbered first..last, in order. */
static void expect_chain(struct call *chain, uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++) {
        assert_non_null(chain);
        assert_int_equal(chain->conn, n);
        chain = chain->next;
    }
    assert_null(chain);
}

static struct call *make_calls(size_t count)
{
    struct call *calls = calloc(count, sizeof(*calls));
    assert_non_null(calls);
    for (size_t i = 0; i < count; i++)
        calls[i].conn = i;
    return calls;
}

static void take_on_empty_gives_nothing(void **state)
{
    (void)state;
    struct mailbox box = {NULL};
    struct mail_batch none = {0};
    assert_null(mailbox_take(&box));
    mailbox_post(&box, &none); /* an empty batch changes nothing */
    assert_null(mailbox_take(&box));
    struct call *calls = make_calls(1);
    mail_batch_add(&none, &calls[0]);
    mailbox_post(&box, &none);
    expect_chain(mailbox_take(&box), 0, 0);
    assert_null(mailbox_take(&box));
    free(calls);
}

static void a_batch_links_newest_to_oldest(void **state)
{
    (void)state;
    struct call *calls = make_calls(3);
    struct mail_batch batch = {0};
    calls[0].next = &calls[2]; /* left from an earlier life */
    for (int i = 0; i < 3; i++)
        mail_batch_add(&batch, &calls[i]);
    assert_ptr_equal(batch.newest, &calls[2]);
    assert_ptr_equal(batch.oldest, &calls[0]);
    assert_ptr_equal(calls[2].next, &calls[1]);
    assert_ptr_equal(calls[1].next, &calls[0]);
    assert_null(calls[0].next);
    free(calls);
}

static void posting_empties_the_batch(void **state)
{
    (void)state;
    struct call *calls = make_calls(2);
    struct mailbox box = {NULL};
    struct mail_batch batch = {0};
    mail_batch_add(&batch, &calls[0]);
    mailbox_post(&box, &batch);
    assert_null(batch.newest);
    assert_null(batch.oldest);
    mailbox_post(&box, &batch);
    mail_batch_add(&batch, &calls[1]);
    mailbox_post(&box, &batch);
    expect_chain(mailbox_take(&box), 0, 1);
    free(calls);
}

/* Batches of 1, 2, 3, ... between takes of every so many: all come out in the order in which they were added. */
static void keeps_order_over_batches(void **state)
{
    (void)state;
    enum { COUNT = 210 }; /* 1 + 2 + ... + 20 */
    for (int posts_per_take = 1; posts_per_take <= 20; posts_per_take++) {
        struct call *calls = make_calls(COUNT);
        struct mailbox box = {NULL};
        struct mail_batch batch = {0};
        uint64_t added = 0, taken = 0;
        for (int size = 1; size <= 20; size++) {
            for (int i = 0; i < size; i++)
                mail_batch_add(&batch, &calls[added++]);
            mailbox_post(&box, &batch);
            if (size % posts_per_take != 0) continue;
            expect_chain(mailbox_take(&box), taken, added - 1);
            assert_null(mailbox_take(&box));
            taken = added;
        }
        if (taken < added) expect_chain(mailbox_take(&box), taken, added - 1);
        free(calls);
    }
}

struct office {
    struct mailbox box;
    struct bell bell;
};

struct poster {
    struct office *office;
    struct call *calls;
    uint32_t id;
};

static void *poster_main(void *arg)
{
    struct poster *me = arg;
    struct mail_batch batch = {0};
    for (uint32_t i = 0; i < EACH_CALLS; i++) {
        me->calls[i].lane = me->id;
        me->calls[i].conn = i;
        mail_batch_add(&batch, &me->calls[i]);
        if (i % (me->id + 1) != 0) continue;
        mailbox_post(&me->office->box, &batch);
        bell_ring(&me->office->bell);
    }
    mailbox_post(&me->office->box, &batch);
    bell_ring(&me->office->bell);
    return NULL;
}

static struct call *take_or_sleep(struct office *o)
{
    for (;;) {
        struct call *chain = mailbox_take(&o->box);
        if (chain != NULL) return chain;
        bell_arm(&o->bell);
        chain = mailbox_take(&o->box);
        if (chain == NULL) bell_wait(&o->bell, UINT64_MAX);
        bell_disarm(&o->bell);
        if (chain != NULL) return chain;
    }
}

static void collect_from_all(struct call *calls)
{
    struct office office = {.box = {NULL}};
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    uint64_t next[POSTERS] = {0};
    bell_init(&office.bell);
    for (uint32_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.office = &office, .calls = calls + (size_t)i * EACH_CALLS, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, poster_main, &posters[i]), 0);
    }
    for (uint32_t total = 0; total < POSTERS * EACH_CALLS;) {
        for (struct call *call = take_or_sleep(&office); call != NULL; call = call->next) {
            assert_true(call->lane < POSTERS);
            assert_int_equal(call->conn, next[call->lane]++);
            total++;
        }
    }
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(next[i], EACH_CALLS);
    }
    assert_null(mailbox_take(&office.box));
    bell_close(&office.bell);
}

/* The calls are used again in every round, as a free list would use them: their old links must not matter. */
static void keeps_each_posters_order(void **state)
{
    (void)state;
    struct call *calls = make_calls((size_t)POSTERS * EACH_CALLS);
    for (int round = 0; round < ROUNDS; round++)
        collect_from_all(calls);
    free(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_on_empty_gives_nothing), cmocka_unit_test(a_batch_links_newest_to_oldest),
        cmocka_unit_test(posting_empties_the_batch),   cmocka_unit_test(keeps_order_over_batches),
        cmocka_unit_test(keeps_each_posters_order),
    };
    alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
