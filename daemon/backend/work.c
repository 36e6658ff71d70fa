#include "daemon/backend/work.h"

static void spin(uint64_t iterations)
{
    uint64_t x = 88172645463325252U;
    for (uint64_t i = 0; i < iterations; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        /* The compiler must believe that every round matters. */
        __asm__ volatile("" : "+r"(x));
    }
}

static bool is_slow(const struct work *work, const struct request *r)
{
    if (work->slow_below == 0 || !op_has_one_key(r->op)) return false;
    return (uint32_t)siphash13(&work->hash_key, r->key.ptr, r->key.len) < work->slow_below;
}

uint64_t work_rounds(const struct work *work, const struct call *call)
{
    uint64_t rounds = 0;
    for (const struct call *part = call->parts; part; part = part->part_next)
        if (part->reply.kind == REPLY_NONE) rounds += work_rounds(work, part);
    if (call->parts) return rounds;
    return is_slow(work, &call->request) ? work->iterations * work->slow_factor : work->iterations;
}

void work_do(const struct work *work, const struct call *call)
{
    spin(work_rounds(work, call));
}

/* One by one, and each at its own time: an answer does not wait for the work of others, nor does it tell of an
 * earlier time. */
static void run(void *ctx, struct task **tasks, size_t count, uint64_t now_ms)
{
    const struct work_around *around = ctx;
    for (size_t i = 0; i < count; i++) {
        if (tasks[i]->call.reply.kind != REPLY_NONE) continue;
        work_do(around->work, &tasks[i]->call);
        uint64_t then_ms = clock_ms(around->clock);
        around->run(around->ctx, &tasks[i], 1, then_ms > now_ms ? then_ms : now_ms);
    }
}

void work_wrap(struct work_around *around, const struct work *work, struct station_options *station)
{
    *around = (struct work_around){work, station->clock, station->run, station->ctx};
    station->run = run;
    station->ctx = around;
}
