/* The parts of SLUICE_URL are only told apart here; whether they are any good the library says. */
#include "clients/cli/place.h"

#include <stdlib.h>
#include <string.h>

/* SLUICE_URL with the host or the port of the command line in place of its own. */
static bool replace_part(struct options *o, const char *url, struct usage_error *error)
{
    if (address_parse_url(&o->place, slice_text(url), SLUICE_DEFAULT_PORT)) {
        o->url = url; /* no URL of ours: the library says why */
        o->url_from = "SLUICE_URL";
        o->host = NULL;
        o->port = 0;
    } else if (o->place.is_unix) {
        usage_error_set(error, "SLUICE_URL is %.100s, which has no %s: give both --host and --port, or unset it",
                        url, o->host ? "port to go with --host" : "host to go with --port");
        return false;
    } else if (o->host) {
        o->port = o->place.port;
    } else {
        o->host = o->place.host;
    }
    return true;
}

bool place_settle(struct options *o, struct usage_error *error)
{
    bool tcp = o->host || o->port != 0;
    const char *url = getenv("SLUICE_URL");

    if (o->socket && tcp) {
        usage_error_set(error, "--socket goes with neither --host nor --port");
        return false;
    }
    if (o->url && (tcp || o->socket)) {
        usage_error_set(error, "--url goes with none of --host, --port and --socket");
        return false;
    }
    if (!url || url[0] == '\0' || o->url || o->socket) return true;
    if (tcp && (!o->host || o->port == 0)) return replace_part(o, url, error);
    if (!tcp) {
        o->url = url;
        o->url_from = "SLUICE_URL";
    }
    return true;
}
