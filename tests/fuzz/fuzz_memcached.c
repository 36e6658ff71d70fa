/* Fuzzes the memcached codec: see fuzz_codec.h. */
#include "proto/memcached/memcached.h"
#include "tests/fuzz/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct codec_limits limits = {
        .line = 96, .key = 20, .value = 48, .command = 160, .parts = 1000, .held = 1 << 20};
    fuzz_server(&codec_memcached, &limits, fuzz_input_of(data, size));
    return 0;
}
