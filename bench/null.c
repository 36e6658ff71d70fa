/*
 * `sluice-bench null-server`: the daemon's network room and text protocol with nothing behind them. Every GET is
 * answered with the same value, everything else with OK. What it costs is the floor that the daemon pays.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/commands.h"
#include "bench/common/options.h"
#include "bench/common/report.h"
#include "daemon/net/server.h"
#include "proto/address.h"
#include "proto/text/text.h"

#define VALUE_MAX   (1U << 20)
#define CONNECTIONS 10000
#define GRACE_MS    1000

struct null_options {
    struct address address;
    uint64_t value;
};

static bool take_address(void *into, const char *text)
{
    return !address_parse(&((struct null_options *)into)->address, slice_text(text));
}

#define OPTIONS_INTO struct null_options

static const struct option_spec specs[] = {
    CUSTOM("listen", "ADDRESS", "127.0.0.1:7811", take_address, "IP:port (0: any free one) or unix:/path"),
    COUNT("value", "BYTES", "256", value, 0, VALUE_MAX, "size of the value that answers every GET"),
};
static const struct option_table table = {"Answers every request without executing it: the floor of our own "
                                          "network room and protocol. Logs its address when\n"
                                          "it is ready, and serves until SIGTERM.",
                                          specs, sizeof specs / sizeof specs[0]};

static enum service_verdict admit(void *ctx, struct task *task, uint64_t now_ns)
{
    (void)ctx, (void)task, (void)now_ns;
    return SERVICE_ADMITTED;
}

static enum service_verdict submit(void *ctx, struct task *task, uint64_t now_ns)
{
    struct reply *reply = &task->call.reply;
    (void)now_ns;
    *reply = (struct reply){.kind = REPLY_STORED, .version = 1};
    if (task->call.request.op == OP_GET)
        *reply =
            (struct reply){.kind = REPLY_VALUE, .version = 1, .number = -1, .body = *(const struct slice *)ctx};
    return SERVICE_ANSWERED;
}

static struct service_batch flush(void *ctx, uint32_t lane, uint64_t now_ns)
{
    (void)ctx, (void)lane, (void)now_ns;
    return (struct service_batch){.wake_ms = UINT64_MAX};
}

static bool serve(const struct null_options *o, struct slice *value)
{
    const struct server_options options = {
        .threads = 1,
        .grace_ms = GRACE_MS,
        .loop = {.clock = &clock_system,
                 .service = {.ctx = value, .admit = admit, .submit = submit, .flush = flush},
                 .limits = {.line = 65536, .key = 65536, .value = VALUE_MAX, .command = 2 * VALUE_MAX},
                 .connections = CONNECTIONS,
                 .output_soft = 4 * VALUE_MAX,
                 .output_hard = 64 * VALUE_MAX}};
    char error[512] = "out of memory";
    const char *why = error;
    struct server *server = value->ptr ? server_create(&options, &why) : NULL;
    bool ok =
        server && server_listen(server, "text", &o->address, &codec_text, &transport_plain, error, sizeof error);
    if (!ok) report_fail("null-server: %s", server ? error : why);
    if (ok) server_run(server);
    if (server && !ok) server_stop(server);
    if (server) server_free(server);
    return ok;
}

int null_main(int argc, char **argv)
{
    struct null_options o = {0};
    json_t *options = options_parse(&table, argc, argv, &o);
    json_decref(options);
    if (!options) return 2;
    char *bytes = malloc(o.value + 1);
    if (bytes) memset(bytes, 'x', o.value);
    struct slice value = slice_of(bytes, o.value);
    bool ok = serve(&o, &value);
    free(bytes);
    return ok ? 0 : 1;
}
