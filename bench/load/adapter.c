#include "bench/load/adapter.h"

#include <string.h>

#include "bench/common/values.h"
#include "proto/memcached/client.h"
#include "proto/resp/client.h"
#include "proto/text/grammar.h"
#include "proto/text/text.h"

static const struct adapter adapters[] = {
    {"text", 7811, text_encode_request, text_decode_reply},
    {"resp", 7812, resp_encode_request, resp_decode_reply},
    {"memcached", 7813, memcached_encode_request, memcached_decode_reply},
};

const struct codec_limits adapter_limits = {.line = 65536, .key = TEXT_KEY_MAX, .value = VALUES_SIZE_MAX};

const struct adapter *adapter_find(const char *name)
{
    for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {
        if (strcmp(adapters[i].name, name) == 0) return &adapters[i];
    }
    return NULL;
}
