#include "daemon/admin/stats.h"

#include <stddef.h>

#include "daemon/admin/document.h"

static void add_histogram(struct document *j, const char *name, const struct histogram *h)
{
    static const struct {
        const char *name;
        double quantile;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    struct document object = document_object(j, name);
    document_number(&object, "count", histogram_count(h));
    document_real(&object, "mean", histogram_mean(h));
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        document_number(&object, quantiles[i].name, histogram_quantile(h, quantiles[i].quantile));
    document_number(&object, "max", histogram_max(h));
    document_end(&object);
}

static void add_metric(void *ctx, const struct metric *metric)
{
    struct document *j = ctx;
    switch (metric->kind) {
    case METRIC_COUNTER:
    case METRIC_GAUGE:
    case METRIC_MAXIMUM:
    case METRIC_RATIO: document_number(j, metric->name, metric->value); break;
    case METRIC_HISTOGRAM: add_histogram(j, metric->name, metric->histogram); break;
    case METRIC_TEXT: document_text(j, metric->name, metric->text); break;
    }
}

bool stats_json(struct metrics *m, struct buffer *out)
{
    size_t before = out->len;
    struct document j = document_begin(out);
    metrics_visit(m, add_metric, &j);
    document_end(&j);
    if (out->failed) out->len = before;
    return !out->failed;
}
