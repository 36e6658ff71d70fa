/* `sluice-bench store`: the backends measured in process, for every backend and number of workers. */
#include <stdlib.h>

#include "bench/commands.h"
#include "bench/common/report.h"
#include "bench/store/run.h"

/* All runs of one kind: the fastest of them, with all as its "repeats". NULL: one failed. */
static json_t *run_kind(const struct store_options *o, const struct store_backend *backend, uint32_t workers)
{
    struct run_result *result = malloc(sizeof *result);
    json_t *best = NULL, *repeats = json_array();
    double best_ns = 0;
    bool ok = result;
    for (uint64_t i = 0; ok && i < o->repeat; i++) {
        ok = run_store(o, backend, workers, result);
        if (!ok) break;
        json_t *run = run_json(backend->name, result);
        json_array_append_new(repeats, run);
        double ns = json_real_value(json_object_get(run, "ns_per_op"));
        if (i > 0 && ns >= best_ns) continue;
        best = run;
        best_ns = ns;
    }
    free(result);
    best = ok ? json_copy(best) : NULL;
    if (ok && o->repeat > 1) json_object_set(best, "repeats", repeats);
    json_decref(repeats);
    return best;
}

static bool run_all(const struct store_options *o, json_t *kinds)
{
    for (uint32_t b = 0; b < o->backend_count; b++) {
        for (uint32_t w = 0; w < o->worker_counts; w++) {
            json_t *kind = run_kind(o, o->backends[b], o->workers[w]);
            if (!kind) return false;
            json_array_append_new(kinds, kind);
        }
    }
    return true;
}

int store_main(int argc, char **argv)
{
    struct store_options o;
    struct report report;
    json_t *options = store_options_parse(&o, argc, argv);
    if (!options) return 2;
    json_t *kinds = json_array();
    bool ok = report_begin(&report, "store", argc, argv, options, o.json) && run_all(&o, kinds);
    ok = report_end(&report, ok ? json_incref(kinds) : NULL);
    json_decref(kinds);
    json_decref(options);
    return ok ? 0 : 1;
}
