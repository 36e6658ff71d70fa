#include "bench/load/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/common/workload.h"
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
    for (size_t i = 0; i < sizeof adapters / sizeof adapters[0]; i++)
        if (strcmp(adapters[i].name, name) == 0) return &adapters[i];
    return NULL;
}

bool channel_init(struct channel *ch)
{
    *ch = (struct channel){.fd = -1};
    /* Pages that are never needed are never touched. */
    return buffer_reserve(&ch->in, CHANNEL_INPUT) && buffer_reserve(&ch->out, CHANNEL_OUTPUT + 4096);
}

void channel_free(struct channel *ch)
{
    if (ch->fd >= 0) close(ch->fd);
    buffer_free(&ch->in);
    buffer_free(&ch->out);
    ch->fd = -1;
}

void channel_detach(struct channel *ch)
{
    if (ch->fd >= 0) close(ch->fd);
    ch->fd = -1;
    ch->wants_output = false;
    ch->out.len = ch->written = 0;
    ch->in.len = ch->decoded = 0;
    ch->decoder = (struct reply_decoder){0};
}

enum channel_status channel_flush(struct channel *ch)
{
    if (ch->out.failed) return CHANNEL_GONE;
    if (ch->written == ch->out.len) return CHANNEL_OK;
    ssize_t n = send(ch->fd, ch->out.data + ch->written, ch->out.len - ch->written, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? CHANNEL_BLOCKED : CHANNEL_GONE;
    ch->written += (size_t)n;
    if (ch->written < ch->out.len) return CHANNEL_BLOCKED;
    ch->out.len = ch->written = 0;
    return CHANNEL_OK;
}

enum channel_status channel_read(struct channel *ch)
{
    buffer_consume(&ch->in, ch->decoded);
    ch->decoded = 0;
    /* The codec's limits end the growth: a reply that is larger is none. */
    if (!buffer_reserve(&ch->in, CHANNEL_INPUT / 2)) return CHANNEL_GONE;
    ssize_t n = recv(ch->fd, ch->in.data + ch->in.len, ch->in.capacity - ch->in.len, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? CHANNEL_BLOCKED : CHANNEL_GONE;
    ch->in.len += (size_t)n;
    return n == 0 ? CHANNEL_GONE : CHANNEL_OK;
}

enum decode_status channel_reply(struct channel *ch, const struct adapter *adapter, struct reply *reply,
                                 struct slice *tag)
{
    size_t used = 0;
    if (ch->decoded == ch->in.len) return DECODE_MORE;
    enum decode_status status = adapter->decode_reply(&ch->decoder, &adapter_limits, ch->in.data + ch->decoded,
                                                      ch->in.len - ch->decoded, &used, reply, tag);
    ch->decoded += used;
    return status;
}
