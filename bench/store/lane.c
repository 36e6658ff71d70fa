#include "bench/store/lane.h"

#include <assert.h>
#include <stdlib.h>

struct lane *lanes_create(uint32_t count)
{
    assert(count >= 1 && count <= LANES_MAX);
    struct lane *lanes = aligned_alloc(_Alignof(struct lane), count * sizeof *lanes);
    if (lanes == NULL) return NULL;
    memset(lanes, 0, count * sizeof *lanes);
    for (uint32_t i = 0; i < count; i++) {
        bell_init(&lanes[i].bell);
        spin_init(&lanes[i].spin);
    }
    return lanes;
}

void lanes_destroy(struct lane *lanes, uint32_t count)
{
    if (lanes == NULL) return;
    for (uint32_t i = 0; i < count; i++)
        bell_close(&lanes[i].bell);
    free(lanes);
}

static void complete(void *ctx, uint32_t lane, struct mail_batch *batch)
{
    struct lane *l = &((struct lane *)ctx)[lane];
    mailbox_post(&l->box, batch);
    bell_ring(&l->bell);
}

static void room(void *ctx, uint32_t lane)
{
    struct lane *l = &((struct lane *)ctx)[lane];
    atomic_store(&l->room, true);
    bell_ring(&l->bell);
}

struct backend_lanes lanes_callbacks(struct lane *lanes, uint32_t count)
{
    return (struct backend_lanes){.count = count, .complete = complete, .room = room, .ctx = lanes};
}

struct call *lane_answer(struct lane *lane)
{
    struct call *call;
    for (uint32_t left = spin_begin(&lane->spin); left > 0; left--) {
        call = mailbox_take(&lane->box);
        if (call != NULL) {
            spin_end(&lane->spin, true);
            return call;
        }
        spin_pause();
    }
    spin_end(&lane->spin, false);
    for (;;) {
        bell_arm(&lane->bell);
        call = mailbox_take(&lane->box);
        if (call != NULL) break;
        bell_wait(&lane->bell, UINT64_MAX);
    }
    bell_disarm(&lane->bell);
    return call;
}

void lane_room(struct lane *lane)
{
    for (;;) {
        bell_arm(&lane->bell);
        if (atomic_exchange(&lane->room, false)) break;
        bell_wait(&lane->bell, UINT64_MAX);
    }
    bell_disarm(&lane->bell);
}
