#include "bench/load/adapter.h"

#include <string.h>

#include "bench/common/values.h"
#include "proto/text/text.h"

static const struct adapter adapters[] = {
    {"text", 7811, &codec_text},
};

const struct codec_limits adapter_limits = {.line = 65536, .key = TEXT_KEY_MAX, .value = VALUES_SIZE_MAX};

const struct adapter *adapter_find(const char *name)
{
    for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {
        if (strcmp(adapters[i].name, name) == 0) return &adapters[i];
    }
    return NULL;
}
