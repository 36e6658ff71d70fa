/* Where a handle leads: from a URL or from host, port and path to one struct address. */
#include "clients/c/client.h"

static bool refuse(struct sluice *s, const char *what, const char *text)
{
    sluice__fail(s, SLUICE_BAD_ARGUMENT, "%s: '%.200s'", what, text);
    return false;
}

bool sluice__address_set(struct sluice *s, const struct sluice_options *options)
{
    static const struct sluice_options defaults = {0};
    const struct sluice_options *o = options ? options : &defaults;
    const char *host = o->host ? o->host : SLUICE_DEFAULT_HOST, *text = host, *wrong = NULL;
    uint16_t port = o->port ? o->port : SLUICE_DEFAULT_PORT;
    bool tcp = o->host || o->port != 0;

    if (o->url) {
        text = o->url;
        if (tcp || o->unix_path) return refuse(s, "a URL goes with neither host, port nor path", text);
        wrong = address_parse_url(&s->address, slice_text(text), SLUICE_DEFAULT_PORT);
    } else if (o->unix_path) {
        text = o->unix_path;
        if (tcp) return refuse(s, "a Unix socket goes with neither host nor port", text);
        wrong = address_set_unix(&s->address, slice_text(text));
    } else {
        wrong = address_set_tcp(&s->address, slice_text(host), port);
    }
    return !wrong || refuse(s, wrong, text);
}
