/* The mailbox: whole batches in, everything out, each poster's mail in their order. */
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

#define POSTERS      4
#define EACH_LETTERS 3000
#define ROUNDS       4
#define HANG_S       120 /* a lost wakeup hangs; the alarm then kills the test */

struct letter {
    struct mail mail; /* first */
    uint64_t number;
    uint32_t poster;
};

/* Checks that a chain holds just the letters numbered first..last, in order. */
static void expect_chain(struct mail *chain, uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++) {
        assert_non_null(chain);
        assert_int_equal(((struct letter *)chain)->number, n);
        chain = chain->next;
    }
    assert_null(chain);
}

static struct letter *make_letters(size_t count)
{
    struct letter *letters = calloc(count, sizeof *letters);
    assert_non_null(letters);
    for (size_t i = 0; i < count; i++)
        letters[i].number = i;
    return letters;
}

static void take_on_empty_gives_nothing(void **state)
{
    (void)state;
    struct mailbox box = {NULL};
    struct mail_batch none = {0};
    assert_null(mailbox_take(&box));
    mailbox_post(&box, &none); /* an empty batch changes nothing */
    assert_null(mailbox_take(&box));
    struct letter *letters = make_letters(1);
    mail_batch_add(&none, &letters[0].mail);
    mailbox_post(&box, &none);
    expect_chain(mailbox_take(&box), 0, 0);
    assert_null(mailbox_take(&box));
    free(letters);
}

static void a_batch_links_newest_to_oldest(void **state)
{
    (void)state;
    struct letter *letters = make_letters(3);
    struct mail_batch batch = {0};
    letters[0].mail.next = &letters[2].mail; /* left from an earlier life */
    for (int i = 0; i < 3; i++)
        mail_batch_add(&batch, &letters[i].mail);
    assert_ptr_equal(batch.newest, &letters[2].mail);
    assert_ptr_equal(batch.oldest, &letters[0].mail);
    assert_ptr_equal(letters[2].mail.next, &letters[1].mail);
    assert_ptr_equal(letters[1].mail.next, &letters[0].mail);
    assert_null(letters[0].mail.next);
    free(letters);
}

static void posting_empties_the_batch(void **state)
{
    (void)state;
    struct letter *letters = make_letters(2);
    struct mailbox box = {NULL};
    struct mail_batch batch = {0};
    mail_batch_add(&batch, &letters[0].mail);
    mailbox_post(&box, &batch);
    assert_null(batch.newest);
    assert_null(batch.oldest);
    mailbox_post(&box, &batch);
    mail_batch_add(&batch, &letters[1].mail);
    mailbox_post(&box, &batch);
    expect_chain(mailbox_take(&box), 0, 1);
    free(letters);
}

/* Batches of 1, 2, 3, ... between takes of every so many: all come out in the order in which they were added. */
static void keeps_order_over_batches(void **state)
{
    (void)state;
    enum { COUNT = 210 }; /* 1 + 2 + ... + 20 */
    for (int posts_per_take = 1; posts_per_take <= 20; posts_per_take++) {
        struct letter *letters = make_letters(COUNT);
        struct mailbox box = {NULL};
        struct mail_batch batch = {0};
        uint64_t added = 0, taken = 0;
        for (int size = 1; size <= 20; size++) {
            for (int i = 0; i < size; i++)
                mail_batch_add(&batch, &letters[added++].mail);
            mailbox_post(&box, &batch);
            if (size % posts_per_take != 0) continue;
            expect_chain(mailbox_take(&box), taken, added - 1);
            assert_null(mailbox_take(&box));
            taken = added;
        }
        if (taken < added) expect_chain(mailbox_take(&box), taken, added - 1);
        free(letters);
    }
}

struct office {
    struct mailbox box;
    struct bell bell;
};

struct poster {
    struct office *office;
    struct letter *letters;
    uint32_t id;
};

static void *poster_main(void *arg)
{
    struct poster *me = arg;
    struct mail_batch batch = {0};
    for (uint32_t i = 0; i < EACH_LETTERS; i++) {
        me->letters[i].poster = me->id;
        me->letters[i].number = i;
        mail_batch_add(&batch, &me->letters[i].mail);
        if (i % (me->id + 1) != 0) continue;
        mailbox_post(&me->office->box, &batch);
        bell_ring(&me->office->bell);
    }
    mailbox_post(&me->office->box, &batch);
    bell_ring(&me->office->bell);
    return NULL;
}

static struct mail *take_or_sleep(struct office *o)
{
    for (;;) {
        struct mail *chain = mailbox_take(&o->box);
        if (chain) return chain;
        bell_arm(&o->bell);
        chain = mailbox_take(&o->box);
        if (!chain) bell_wait(&o->bell, UINT64_MAX);
        bell_disarm(&o->bell);
        if (chain) return chain;
    }
}

static void collect_from_all(struct letter *letters)
{
    struct office office = {.box = {NULL}};
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    uint64_t next[POSTERS] = {0};
    bell_init(&office.bell);
    for (uint32_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.office = &office, .letters = letters + (size_t)i * EACH_LETTERS, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, poster_main, &posters[i]), 0);
    }
    for (uint32_t total = 0; total < POSTERS * EACH_LETTERS;) {
        for (struct mail *mail = take_or_sleep(&office); mail; mail = mail->next) {
            const struct letter *letter = (const struct letter *)mail;
            assert_true(letter->poster < POSTERS);
            assert_int_equal(letter->number, next[letter->poster]++);
            total++;
        }
    }
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(next[i], EACH_LETTERS);
    }
    assert_null(mailbox_take(&office.box));
    bell_close(&office.bell);
}

/* The letters are used again in every round, as a free list would use them: their old links must not matter. */
static void keeps_each_posters_order(void **state)
{
    (void)state;
    struct letter *letters = make_letters((size_t)POSTERS * EACH_LETTERS);
    for (int round = 0; round < ROUNDS; round++)
        collect_from_all(letters);
    free(letters);
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
