#include "bench/store/own_keys.h"

#include <stdlib.h>

bool own_keys_init(struct own_keys *o, struct backend *b, const struct slice *names, uint64_t total, uint32_t lanes)
{
    struct task task;
    o->total = total;
    o->keys = malloc(total * sizeof *o->keys);
    o->first = calloc(lanes + 1, sizeof *o->first);
    if (!o->keys || !o->first) return false;
    task_init(&task);
    task.call.request.op = OP_GET;
    uint64_t at = 0;
    for (uint32_t lane = 0; lane < lanes; lane++) {
        o->first[lane] = at;
        for (uint64_t key = 0; key < total; key++) {
            task.call.request.key = names[key];
            if (b->design->station_of(b, &task) == lane) o->keys[at++] = (uint32_t)key;
        }
    }
    o->first[lanes] = at;
    return true;
}

void own_keys_free(struct own_keys *o)
{
    free(o->keys);
    free(o->first);
}
