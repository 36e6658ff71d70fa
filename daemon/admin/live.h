/*
 * The settings in force, of which some may change while the daemon runs: queue.policy, queue.bound, queue.target,
 * by CONFIG SET and by reading the configuration file again. The control thread's, but for the tuning.
 */
#ifndef ADMIN_LIVE_H
#define ADMIN_LIVE_H

#include "config/settings.h"
#include "daemon/admit/tuning.h"
#include "proto/buffer.h"
#include "proto/slice.h"

struct live;

/* Copies the settings. NULL when memory is out. */
struct live *live_create(const struct settings *settings);
void live_destroy(struct live *l);

/* What the I/O threads look at. Any thread. */
const struct tuning *live_tuning(const struct live *l);

/* Sets one key. False: `error` says what is wrong, and nothing has changed. */
bool live_set(struct live *l, struct slice key, struct slice value, char *error, size_t size);

/* Takes over from `settings` what may change, and logs what changed and what would need a new start. */
void live_replace(struct live *l, const struct settings *settings);

/* Appends the settings as a JSON object (document.h). False when memory is out: `out` then holds what it
 * held. */
bool live_write(struct live *l, struct buffer *out);

#endif
