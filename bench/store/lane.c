#include "bench/store/lane.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

#include "daemon/queue/spin.h"

#define SPINS  4000
#define YIELDS 32

static const char *const names[] = {"auto", "spin", "yield", "sleep"};

bool lane_parse_wait(const char *text, enum lane_wait *out)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *out = (enum lane_wait)i;
        return true;
    }
    return false;
}

const char *lane_wait_name(enum lane_wait wait)
{
    return names[wait];
}

/* Processors that this process may run on. */
static uint32_t processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

struct lane *lanes_create(uint32_t count, enum lane_wait wait, bool owners)
{
    assert(count >= 1 && count <= LANES_MAX);
    if (wait == LANE_AUTO) wait = count + !owners <= processors() ? LANE_SPIN : LANE_SLEEP;
    struct lane *lanes = aligned_alloc(_Alignof(struct lane), count * sizeof *lanes);
    if (lanes == NULL) return NULL;
    memset(lanes, 0, count * sizeof *lanes);
    for (uint32_t i = 0; i < count; i++) {
        bell_init(&lanes[i].bell);
        lanes[i].wait = wait;
        lanes[i].number = i;
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

/* Looks for the answer without sleeping; NULL: it took too long. */
static struct mail *answer_awake(struct lane *lane)
{
    struct mail *mail = NULL;
    uint32_t looks = lane->wait == LANE_SPIN ? SPINS : lane->wait == LANE_YIELD ? YIELDS : 0;
    for (; looks > 0; looks--) {
        mail = mailbox_take(&lane->box);
        if (mail != NULL) break;
        if (lane_serve(lane)) continue;
        if (lane->wait == LANE_SPIN)
            spin_pause();
        else
            sched_yield();
    }
    return mail;
}

struct mail *lane_answer(struct lane *lane)
{
    struct mail *mail = answer_awake(lane);
    if (mail != NULL) return mail;
    for (;;) {
        bell_arm(&lane->bell);
        mail = mailbox_take(&lane->box);
        if (mail != NULL) break;
        if (!lane_serve(lane)) bell_wait(&lane->bell, UINT64_MAX);
    }
    bell_disarm(&lane->bell);
    return mail;
}
