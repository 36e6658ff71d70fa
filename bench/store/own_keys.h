/* Which keys belong to which worker, where the workers are the owners: so that each can keep to its own. */
#ifndef BENCH_STORE_OWN_KEYS_H
#define BENCH_STORE_OWN_KEYS_H

#include "daemon/backend/backend.h"

struct own_keys {
    uint64_t total;
    uint32_t *keys;  /* numbers of keys, those of a lane together and in order */
    uint64_t *first; /* by lane: where its keys begin; one more than there are lanes */
};

/* Asks the backend, whose lanes are its owners, about each key. False when memory is out. */
bool own_keys_init(struct own_keys *o, struct backend *b, const struct slice *names, uint64_t total,
                   uint32_t lanes);
void own_keys_free(struct own_keys *o); /* all zero is an empty one */

/* The lane's own key in place of any: as popular among its own as that is among all. */
static inline uint64_t own_keys_pick(const struct own_keys *o, uint32_t lane, uint64_t key)
{
    uint64_t count = o->first[lane + 1] - o->first[lane];
    return count ? o->keys[o->first[lane] + key * count / o->total] : key;
}

#endif
