/* Metrics and settings as JSON. */
#include "daemon/admin/stats.h"

#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/utf8.h"

/* struct stats_object is never defined: it is a json_t by another name. */
static json_t *json_of(const struct stats_object *o)
{
    return (json_t *)o;
}

/* Puts `value` (taken, also on failure) where the dotted name says. NULL, or out of memory: false. */
static bool set_nested(json_t *object, const char *name, json_t *value)
{
    const char *dot;

    for (; value && (dot = strchr(name, '.')); name = dot + 1) {
        char *part = strndup(name, (size_t)(dot - name));
        json_t *inner = part ? json_object_get(object, part) : NULL;
        bool ok = part && (inner || !json_object_set_new(object, part, inner = json_object()));
        free(part);
        if (!ok) {
            json_decref(value);
            return false;
        }
        assert(json_is_object(inner)); /* no name is the beginning of another */
        object = inner;
    }
    return !json_object_set_new(object, name, value);
}

/* A JSON string; jansson takes only UTF-8, so bad bytes are replaced. NULL when memory is out. */
static json_t *json_text(const char *text)
{
    struct buffer clean = {0};
    size_t len = strlen(text);

    while (len) {
        uint32_t code;
        size_t used = utf8_decode(text, len, &code);
        if (used) {
            buffer_append(&clean, text, used);
        } else {
            buffer_append_text(&clean, "\xEF\xBF\xBD");
            used = 1;
        }
        text += used;
        len -= used;
    }
    json_t *string = clean.failed ? NULL : json_stringn(clean.len ? clean.data : "", clean.len);
    buffer_free(&clean);
    return string;
}

static json_t *json_number(uint64_t n)
{
    return json_integer(n < INT64_MAX ? (json_int_t)n : INT64_MAX);
}

static json_t *json_histogram(const struct histogram *h)
{
    static const struct {
        const char *name;
        double quantile;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    json_t *object = json_object();
    bool ok = object && set_nested(object, "count", json_number(histogram_count(h)));

    /* Three decimals: enough for batch sizes, and no tail of digits for nanoseconds. */
    double mean = (double)(uint64_t)(histogram_mean(h) * 1000 + 0.5) / 1000;
    ok = ok && set_nested(object, "mean", json_real(mean));
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        uint64_t value = histogram_quantile(h, quantiles[i].quantile);
        ok = ok && set_nested(object, quantiles[i].name, json_number(value));
    }
    ok = ok && set_nested(object, "max", json_number(histogram_max(h)));
    if (ok) return object;
    json_decref(object);
    return NULL;
}

struct rendering {
    json_t *root;
    bool ok;
};

static void add_metric(void *ctx, const struct metric *metric)
{
    struct rendering *r = ctx;
    json_t *value = NULL;

    if (!r->ok) return;
    switch (metric->kind) {
    case METRIC_COUNTER:
    case METRIC_GAUGE:
    case METRIC_MAXIMUM:
    case METRIC_RATIO: value = json_number(metric->value); break;
    case METRIC_HISTOGRAM: value = json_histogram(metric->histogram); break;
    case METRIC_TEXT: value = json_text(metric->text); break;
    }
    r->ok = set_nested(r->root, metric->name, value);
}

static int append(const char *bytes, size_t len, void *ctx)
{
    struct buffer *out = ctx;

    buffer_append(out, bytes, len);
    return out->failed ? -1 : 0;
}

static bool render(const json_t *root, struct buffer *out)
{
    size_t before = out->len;

    /* 15 digits print what three decimals hold; 17 would print the binary fraction. */
    if (!json_dump_callback(root, append, out, JSON_COMPACT | JSON_REAL_PRECISION(15))) return true;
    out->len = before;
    return false;
}

bool stats_json(struct metrics *m, struct buffer *out)
{
    struct rendering r = {.root = json_object()};

    r.ok = r.root;
    metrics_visit(m, add_metric, &r);

    bool ok = r.ok && render(r.root, out);
    json_decref(r.root);
    return ok;
}

struct stats_object *stats_object_create(void)
{
    return (struct stats_object *)json_object();
}

void stats_object_destroy(struct stats_object *o)
{
    json_decref(json_of(o));
}

bool stats_object_set(struct stats_object *o, const char *name, const char *value, bool is_literal)
{
    json_t *member = NULL;
    json_error_t error;

    if (is_literal) {
        member = json_loads(value, JSON_DECODE_ANY, &error);
        /* jansson names every fault of the text, so no name means memory. */
        if (!member && json_error_code(&error) == json_error_unknown) return false;
    }
    if (!member) member = json_text(value);
    return set_nested(json_of(o), name, member);
}

bool stats_object_render(const struct stats_object *o, struct buffer *out)
{
    return render(json_of(o), out);
}
