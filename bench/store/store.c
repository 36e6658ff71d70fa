/*
 * Runs what the command line asks for and shows the results. The last column says how many processors other
 * programs used during the run: figures of a machine that was not quiet are no figures.
 *
 *     for every backend, for every number of workers: run, `--repeat` times -> the fastest one -> table or CSV
 *                                                                        '----> all of them  -> JSON
 */
#include "bench/store/store.h"

#include <stdlib.h>

#include "bench/common/options.h"
#include "bench/common/report.h"
#include "bench/store/options.h"
#include "bench/store/result.h"
#include "bench/store/run.h"

/* All runs of one kind. The result of the fastest stands in *best; all of them are added to `kinds`. */
static bool run_kind(const struct store_options *o, const struct store_backend *backend, uint32_t workers,
                     struct run_result *best, json_t *kinds)
{
    struct run_result *result = malloc(sizeof *result);
    json_t *repeats = json_array();
    bool ok = result != NULL;
    for (uint64_t i = 0; ok && i < o->repeat; i++) {
        ok = run_store(o, backend, workers, result);
        if (!ok) break;
        if (i == 0 || result_ns_per_op(result) < result_ns_per_op(best)) *best = *result;
        json_array_append_new(repeats, result_json(backend->name, workers, result));
    }
    free(result);
    if (ok) {
        json_t *kind = result_json(backend->name, workers, best);
        if (o->repeat > 1) json_object_set(kind, "repeats", repeats);
        json_array_append_new(kinds, kind);
    }
    json_decref(repeats);
    return ok;
}

static bool run_all(const struct store_options *o, json_t *kinds)
{
    FILE *out = o->json && strcmp(o->json, "-") == 0 ? stderr : stdout;
    struct run_result *best = malloc(sizeof *best);
    bool ok = best != NULL;
    if (o->csv)
        result_csv_head(out);
    else
        result_table_head(out);
    for (uint32_t b = 0; b < o->backend_count; b++) {
        for (uint32_t w = 0; ok && w < o->worker_counts; w++) {
            const char *name = o->backends[b]->name;
            ok = run_kind(o, o->backends[b], o->workers[w], best, kinds);
            if (!ok) break;
            if (o->csv)
                result_csv_row(out, name, o->workers[w], best);
            else
                result_table_row(out, name, o->workers[w], best);
        }
    }
    free(best);
    return ok;
}

int store_main(int argc, char **argv)
{
    struct store_options o;
    if (options_want_help(argc, argv)) {
        store_options_help();
        return 0;
    }
    if (!store_options_parse(&o, argc, argv)) return 2;
    FILE *file = o.json ? report_open(o.json) : NULL;
    if (o.json && !file) return 1;
    json_t *head = report_head("store", argc, argv, o.seed);
    json_t *kinds = json_array();
    json_object_set_new(head, "options", result_options_json(&o));
    bool ok = run_all(&o, kinds);
    json_object_set_new(head, "results", kinds);
    if (ok && file) ok = report_write_json(head, file, o.json);
    if (!ok && file && file != stdout) fclose(file);
    json_decref(head);
    return ok ? 0 : 1;
}
