#include "daemon/live.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "daemon/admin/stats.h"
#include "daemon/base/log.h"
#include "daemon/plan.h"

#define ASSIGNMENT_MAX 256
#define VALUE_MAX      128

struct live {
    pthread_mutex_t lock; /* guards the settings, and the writing of the tuning */
    struct settings settings;
    struct tuning tuning;
};

static const char *const changeable[] = {"queue.policy", "queue.bound", "queue.target"};

static bool is_changeable(const char *key)
{
    for (size_t i = 0; i < sizeof changeable / sizeof changeable[0]; i++)
        if (strcmp(changeable[i], key) == 0) return true;
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
    pthread_mutex_init(&l->lock, NULL);
    l->settings = *settings;
    publish(l);
    return l;
}

void live_destroy(struct live *l)
{
    pthread_mutex_destroy(&l->lock);
    free(l);
}

const struct tuning *live_tuning(const struct live *l)
{
    return &l->tuning;
}

/* ---- CONFIG SET ---- */

/* The first error's text, without the assignment in front, which the client knows. */
static const char *first_error(const struct config_errors *errors, const char *assignment, char *error, size_t size)
{
    const char *text = config_errors_count(errors) > 0 ? config_errors_at(errors, 0) : "cannot be set";
    const char *after = strstr(text, assignment);
    if (after && strncmp(after + strlen(assignment), ": ", 2) == 0) text = after + strlen(assignment) + 2;
    snprintf(error, size, "%s", text);
    return error;
}

static const char *set_locked(struct live *l, const char *key, const char *assignment, char *error, size_t size)
{
    struct config_errors *errors = config_errors_create();
    struct settings *changed = malloc(sizeof *changed);
    const char *wrong = NULL;
    if (!errors || !changed) {
        wrong = "no memory to change a setting";
    } else {
        *changed = l->settings;
        if (!config_set_from(changed, "CONFIG SET", assignment, errors)) {
            wrong = first_error(errors, assignment, error, size);
        } else if (!is_changeable(key)) {
            snprintf(error, size,
                     "%s cannot be changed while the daemon runs: change it in the configuration file and restart",
                     key);
            wrong = error;
        } else {
            l->settings = *changed;
            publish(l);
        }
    }
    free(changed);
    if (errors) config_errors_destroy(errors);
    return wrong;
}

const char *live_set(struct live *l, struct slice key, struct slice value, char *error, size_t size)
{
    char name[ASSIGNMENT_MAX] = {0}, assignment[ASSIGNMENT_MAX] = {0};
    if (key.len + value.len + 2 > sizeof assignment) return "no setting is that long";
    if (memchr(key.ptr, '\0', key.len) || memchr(value.ptr, '\0', value.len)) return "no setting holds a zero byte";
    memcpy(name, key.ptr, key.len);
    memcpy(assignment, key.ptr, key.len);
    assignment[key.len] = '=';
    memcpy(assignment + key.len + 1, value.ptr, value.len);
    pthread_mutex_lock(&l->lock);
    const char *wrong = set_locked(l, name, assignment, error, size);
    pthread_mutex_unlock(&l->lock);
    if (!wrong) log_info("setting changed", LOG_STR("key", name), LOG_STR("value", strchr(assignment, '=') + 1));
    return wrong;
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
    if (is_changeable(key))
        log_info("setting changed", LOG_STR("key", key), LOG_STR("value", value));
    else
        log_warn("setting takes effect when the daemon is started anew", LOG_STR("key", key),
                 LOG_STR("value", value));
}

void live_replace(struct live *l, const struct settings *settings)
{
    struct difference d = {0};
    pthread_mutex_lock(&l->lock);
    config_visit(&l->settings, remember, &d);
    d.values = calloc(d.count, sizeof *d.values);
    d.count = 0;
    if (d.values) {
        config_visit(&l->settings, remember, &d);
        config_visit(settings, tell, &d);
    }
    l->settings.queue = settings->queue;
    publish(l);
    pthread_mutex_unlock(&l->lock);
    free(d.values);
}

/* ---- CONFIG ---- */

static void visit_setting(void *ctx, const char *key, const char *value, bool is_literal)
{
    stats_object_set(ctx, key, value, is_literal);
}

bool live_write(struct live *l, struct buffer *out)
{
    struct stats_object *object = stats_object_create();
    if (!object) return false;
    pthread_mutex_lock(&l->lock);
    config_visit(&l->settings, visit_setting, object);
    pthread_mutex_unlock(&l->lock);
    bool ok = stats_object_render(object, out);
    stats_object_destroy(object);
    return ok;
}
