/* The parts of SLUICE_URL are only told apart here; whether they are any good the library says. */
#include "clients/cli/place.h"

#include <stdlib.h>
#include <string.h>

#include "proto/slice.h"

#define TCP_SCHEME  "sluice://"
#define UNIX_SCHEME "unix:"

/* host, host:port, [v6] or [v6]:port -> the host with its brackets, and ":port" or nothing. */
static void split(struct slice authority, struct slice *host, struct slice *port)
{
    const char *end = NULL;

    if (authority.len > 0 && authority.ptr[authority.len - 1] == '/') authority.len--;
    if (authority.len > 0 && authority.ptr[0] == '[') end = memchr(authority.ptr, ']', authority.len);
    end = memchr(end == NULL ? authority.ptr : end, ':',
                 end == NULL ? authority.len : (size_t)(authority.ptr + authority.len - end));
    if (end == NULL) end = authority.ptr + authority.len;
    *host = slice_of(authority.ptr, (size_t)(end - authority.ptr));
    *port = slice_of(end, authority.len - host->len);
}

/* SLUICE_URL with the host or the port of the command line in place of its own. */
static bool replace_part(struct options *o, const char *url, struct usage_error *error)
{
    bool v6 = o->host != NULL && strchr(o->host, ':') != NULL;
    struct slice host;
    struct slice port;
    int n = 0;

    if (strncmp(url, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0) {
        usage_error_set(error, "SLUICE_URL is %.100s, which has no %s: give both --host and --port, or unset it",
                        url, o->host != NULL ? "port to go with --host" : "host to go with --port");
        return false;
    }
    o->url_from =
        o->host != NULL ? "SLUICE_URL, its host replaced by --host" : "SLUICE_URL, its port replaced by --port";
    if (strncmp(url, TCP_SCHEME, strlen(TCP_SCHEME)) != 0) {
        o->url = url; /* no URL of ours */
        o->url_from = "SLUICE_URL";
    } else {
        split(slice_text(url + strlen(TCP_SCHEME)), &host, &port);
        if (o->host != NULL) {
            n = snprintf(o->url_made, sizeof(o->url_made), TCP_SCHEME "%s%s%s%.*s", v6 ? "[" : "", o->host,
                         v6 ? "]" : "", (int)port.len, port.ptr);
        } else {
            n = snprintf(o->url_made, sizeof(o->url_made), TCP_SCHEME "%.*s:%u", (int)host.len, host.ptr,
                         (unsigned)o->port);
        }
        o->url = o->url_made;
    }
    if (n < 0 || (size_t)n >= sizeof(o->url_made)) {
        usage_error_set(error, "%s: a host has 1 to 255 bytes", o->url_from);
        return false;
    }
    o->host = NULL;
    o->port = 0;
    return true;
}

bool place_settle(struct options *o, struct usage_error *error)
{
    bool tcp = o->host != NULL || o->port != 0;
    const char *url = getenv("SLUICE_URL");

    if (o->socket != NULL && tcp) {
        usage_error_set(error, "--socket goes with neither --host nor --port");
        return false;
    }
    if (o->url != NULL && (tcp || o->socket != NULL)) {
        usage_error_set(error, "--url goes with none of --host, --port and --socket");
        return false;
    }
    if (url == NULL || url[0] == '\0' || o->url != NULL || o->socket != NULL) return true;
    if (tcp && (o->host == NULL || o->port == 0)) return replace_part(o, url, error);
    if (!tcp) {
        o->url = url;
        o->url_from = "SLUICE_URL";
    }
    return true;
}
