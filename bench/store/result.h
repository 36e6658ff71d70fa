/* Results of the in-process benchmark as a table, as CSV and as JSON. */
#ifndef BENCH_STORE_RESULT_H
#define BENCH_STORE_RESULT_H

#include <jansson.h>

#include "bench/store/options.h"
#include "bench/store/run.h"

void result_table_head(FILE *out);
void result_table_row(FILE *out, const char *backend, uint32_t workers, const struct run_result *result);

void result_csv_head(FILE *out);
void result_csv_row(FILE *out, const char *backend, uint32_t workers, const struct run_result *result);

/* Wall time divided by operations sent, refused ones included. */
double result_ns_per_op(const struct run_result *result);

json_t *result_options_json(const struct store_options *o);
json_t *result_json(const char *backend, uint32_t workers, const struct run_result *result);

#endif
