/* Where a handle leads: from a URL or from host, port and path to one struct sluice__address. */
#include <stdio.h>
#include <string.h>

#include "clients/c/client.h"
#include "proto/number.h"

#define TCP_SCHEME  "sluice://"
#define UNIX_SCHEME "unix:"

static bool refuse(struct sluice *s, const char *what, const char *text)
{
    sluice__fail(s, SLUICE_BAD_ARGUMENT, "%s: '%.200s'", what, text);
    return false;
}

static bool set_unix(struct sluice *s, const char *path)
{
    struct sluice__address *a = &s->address;
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(a->path)) {
        return refuse(s, "the path of a Unix socket has 1 to 107 bytes", path);
    }
    a->is_unix = true;
    memcpy(a->path, path, len + 1);
    snprintf(a->text, sizeof(a->text), "unix:%s", path);
    return true;
}

static bool set_tcp(struct sluice *s, struct slice host, uint64_t port)
{
    struct sluice__address *a = &s->address;

    if (host.len == 0 || host.len >= sizeof(a->host) || memchr(host.ptr, '\0', host.len) != NULL) {
        return refuse(s, "a host has 1 to 255 bytes", host.len == 0 ? "" : host.ptr);
    }
    a->is_unix = false;
    memcpy(a->host, host.ptr, host.len);
    a->host[host.len] = '\0';
    snprintf(a->port, sizeof(a->port), "%u", (unsigned)(uint16_t)port);
    if (strchr(a->host, ':') != NULL) {
        snprintf(a->text, sizeof(a->text), "[%s]:%s", a->host, a->port);
    } else {
        snprintf(a->text, sizeof(a->text), "%s:%s", a->host, a->port);
    }
    return true;
}

/* host, host:port, [v6] or [v6]:port, perhaps with one slash at the end. */
static bool set_authority(struct sluice *s, const char *url, const char *text)
{
    size_t len = strlen(text);
    struct slice host = slice_of(text, 0);
    struct slice port = slice_of(NULL, 0);
    const char *end = NULL;
    uint64_t number = SLUICE_DEFAULT_PORT;

    if (len > 0 && text[len - 1] == '/') len--;
    if (len > 0 && text[0] == '[') {
        end = memchr(text, ']', len);
        if (end == NULL) return refuse(s, "the URL lacks a ']'", url);
        host = slice_of(text + 1, (size_t)(end - text) - 1);
        end++;
    } else {
        end = memchr(text, ':', len);
        if (end == NULL) end = text + len;
        host = slice_of(text, (size_t)(end - text));
    }
    if (end < text + len) {
        port = slice_of(end + 1, (size_t)(text + len - end) - 1);
        if (*end != ':' || !number_parse(port, UINT16_MAX, &number) || number == 0) {
            return refuse(s, "expected sluice://host:port with a port from 1 to 65535", url);
        }
    }
    for (size_t i = 0; i < host.len; i++) {
        if ((unsigned char)host.ptr[i] <= ' ' || strchr("/@[]?#", host.ptr[i]) != NULL) {
            return refuse(s, "expected sluice://host:port", url);
        }
    }
    if (host.len == 0) return refuse(s, "the URL names no host", url);
    return set_tcp(s, host, number);
}

static bool set_url(struct sluice *s, const char *url)
{
    if (strncmp(url, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0) return set_unix(s, url + strlen(UNIX_SCHEME));
    if (strncmp(url, TCP_SCHEME, strlen(TCP_SCHEME)) == 0) return set_authority(s, url, url + strlen(TCP_SCHEME));
    return refuse(s, "expected sluice://host:port or unix:/path", url);
}

bool sluice__address_set(struct sluice *s, const struct sluice_options *options)
{
    const char *host = SLUICE_DEFAULT_HOST;
    uint16_t port = SLUICE_DEFAULT_PORT;

    if (options != NULL) {
        if (options->url != NULL) {
            if (options->host != NULL || options->port != 0 || options->unix_path != NULL) {
                return refuse(s, "a URL goes with neither host, port nor path", options->url);
            }
            return set_url(s, options->url);
        }
        if (options->unix_path != NULL) {
            if (options->host != NULL || options->port != 0) {
                return refuse(s, "a Unix socket goes with neither host nor port", options->unix_path);
            }
            return set_unix(s, options->unix_path);
        }
        if (options->host != NULL) host = options->host;
        if (options->port != 0) port = options->port;
    }
    return set_tcp(s, slice_text(host), port);
}
