/* Stores every key once before the measuring begins. */
#ifndef BENCH_LOAD_FILL_H
#define BENCH_LOAD_FILL_H

#include "bench/load/load.h"

/* Puts all keys over one connection of its own, again where the server refused. False,
 * with a complaint on standard error, when the server answers with errors or not at all. */
bool fill_all(const struct load_settings *settings, bool show_progress);

#endif
