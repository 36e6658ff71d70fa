/* Sets of processors: "any", or numbers and ranges, as in "0-3,6". */
#ifndef CONFIG_CPUS_H
#define CONFIG_CPUS_H

#include "config/errors.h"
#include "config/settings.h"

/* False: *why says what is wrong; *out is as it was. */
bool config_cpus_parse(struct thread_cpus *out, const char *text, size_t len, struct config_reason *why);

#define CONFIG_CPUS_MAX 1024 /* bytes of any set as text */

/* Returns out. */
const char *config_cpus_format(const struct thread_cpus *cpus, char out[CONFIG_CPUS_MAX]);

#endif
