#include "daemon/admin/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "daemon/admin/document.h"
#include "daemon/base/log.h"
#include "daemon/plan.h"

#define VALUE_MAX 128

struct live {
    struct settings settings;
    struct settings tried; /* by CONFIG SET */
    struct tuning tuning;
};

static const char *const changeable[] = {"queue.policy", "queue.bound", "queue.target"};

static bool is_changeable(struct slice key)
{
    for (size_t i = 0; i < sizeof changeable / sizeof changeable[0]; i++)
        if (slice_equal(key, slice_text(changeable[i]))) return true;
    return false;
}

/* Makes what the settings say of admission visible to the I/O threads. */
static void publish(struct live *l)
{
    atomic_store(&l->tuning.policy, plan_policy(&l->settings));
    atomic_store(&l->tuning.bound, l->settings.queue.bound);
    atomic_store(&l->tuning.target_ns, l->settings.queue.target_us * 1000U);
    atomic_fetch_add(&l->tuning.generation, 1);
}

struct live *live_create(const struct settings *settings)
{
    struct live *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->settings = *settings;
    publish(l);
    return l;
}

void live_destroy(struct live *l)
{
    free(l);
}

const struct tuning *live_tuning(const struct live *l)
{
    return &l->tuning;
}

/* ---- CONFIG SET ---- */

bool live_set(struct live *l, struct slice key, struct slice value, char *error, size_t size)
{
    l->tried = l->settings;
    if (!config_set_scalar(&l->tried, key.ptr, key.len, value.ptr, value.len, error, size)) return false;
    if (!is_changeable(key)) {
        snprintf(error, size,
                 "%.*s cannot be changed while the daemon runs: change it in the configuration file and restart",
                 (int)key.len, key.ptr);
        return false;
    }
    l->settings = l->tried;
    publish(l);
    log_info("setting changed", LOG_BYTES("key", key.ptr, key.len), LOG_BYTES("value", value.ptr, value.len));
    return true;
}

/* ---- reading the file again ---- */

/* One walk over the old settings' values, then the same over the new. */
struct difference {
    char (*values)[VALUE_MAX]; /* the old ones, in the order of the walk; long ones are cut */
    size_t count, at;
};

static void remember(void *ctx, const char *key, const char *value, bool is_literal)
{
    struct difference *d = ctx;
    (void)key, (void)is_literal;
    if (d->values) snprintf(d->values[d->count], VALUE_MAX, "%s", value);
    d->count++;
}

static void tell(void *ctx, const char *key, const char *value, bool is_literal)
{
    struct difference *d = ctx;
    char cut[VALUE_MAX];
    (void)is_literal;
    snprintf(cut, sizeof cut, "%s", value);
    if (strcmp(d->values[d->at++], cut) == 0) return;
    if (is_changeable(slice_text(key)))
        log_info("setting changed", LOG_STR("key", key), LOG_STR("value", value));
    else
        log_warn("setting takes effect when the daemon is started anew", LOG_STR("key", key),
                 LOG_STR("value", value));
}

void live_replace(struct live *l, const struct settings *settings)
{
    struct difference d = {0};
    config_visit(&l->settings, remember, &d);
    d.values = calloc(d.count, sizeof *d.values);
    d.count = 0;
    if (d.values) {
        config_visit(&l->settings, remember, &d);
        config_visit(settings, tell, &d);
    }
    l->settings.queue = settings->queue;
    publish(l);
    free(d.values);
}

/* ---- CONFIG ---- */

static void visit_setting(void *ctx, const char *key, const char *value, bool is_literal)
{
    if (is_literal)
        document_literal(ctx, key, value);
    else
        document_text(ctx, key, value);
}

bool live_write(struct live *l, struct buffer *out)
{
    size_t before = out->len;
    struct document j = document_begin(out);
    config_visit(&l->settings, visit_setting, &j);
    document_end(&j);
    if (out->failed) out->len = before;
    return !out->failed;
}
