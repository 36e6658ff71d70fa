#include "bench/store/drive.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct lane *lanes_create(uint32_t count)
{
    assert(count >= 1 && count <= LANES_MAX);
    struct lane *lanes = aligned_alloc(_Alignof(struct lane), count * sizeof *lanes);
    if (!lanes) return NULL;
    memset(lanes, 0, count * sizeof *lanes);
    for (uint32_t i = 0; i < count; i++) {
        bell_init(&lanes[i].bell);
        spin_init(&lanes[i].spin, spin_alone());
        lanes[i].number = i;
    }
    return lanes;
}

void lanes_destroy(struct lane *lanes, uint32_t count)
{
    for (uint32_t i = 0; lanes && i < count; i++)
        bell_close(&lanes[i].bell);
    free(lanes);
}

static void complete(void *ctx, uint32_t lane, struct mail_batch *batch)
{
    struct lane *l = &((struct lane *)ctx)[lane];
    mailbox_post(&l->box, batch);
    bell_ring(&l->bell);
}

static void wake(void *ctx, uint32_t lane)
{
    bell_ring(&((struct lane *)ctx)[lane].bell);
}

struct station_lanes lanes_callbacks(struct lane *lanes, uint32_t count)
{
    return (struct station_lanes){.count = count, .complete = complete, .wake = wake, .ctx = lanes};
}

bool lane_serve(struct lane *lane)
{
    return lane->owns && station_run_batch(lane->owns->here[lane->number].station, 0) != 0;
}

struct mail *lane_answer(struct lane *lane)
{
    struct mail *mail = NULL;
    for (uint32_t left = spin_begin(&lane->spin); left > 0 && !mail; left--) {
        mail = mailbox_take(&lane->box);
        if (!mail && !lane_serve(lane)) spin_pause();
    }
    spin_end(&lane->spin, mail);
    if (mail) return mail;
    for (;;) {
        bell_arm(&lane->bell);
        mail = mailbox_take(&lane->box);
        if (mail) break;
        if (!lane_serve(lane)) bell_wait(&lane->bell, UINT64_MAX);
    }
    bell_disarm(&lane->bell);
    return mail;
}
