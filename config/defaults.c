/* The settings as the schema's defaults have them. */
#include <assert.h>
#include <string.h>

#include "config/value.h"

void config_defaults(struct settings *settings)
{
    struct config_reason why;
    memset(settings, 0, sizeof *settings);
    for (size_t i = 0; i < schema_count; i++) {
        const char *fallback = schema_keys[i].fallback;
        bool ok = config_value_parse(settings, &schema_keys[i], fallback, strlen(fallback), &why);
        assert(ok);
        (void)ok;
    }
}
