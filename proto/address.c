#include "proto/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/number.h"

#define EXPECTED   "expected host:port, [v6]:port or unix:/path"
#define UNIX       "unix:"
#define TCP_SCHEME "sluice://"

/* Bytes that would break lines or hide in a message: ASCII and C1 controls, line separators, byte order marks. */
static bool has_control(const char *text, size_t len)
{
    static const char *const marks[] = {"\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xef\xbf\xbe",
                                        "\xef\xbf\xbf"};
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) return true;
        if (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0) return true;
        for (size_t m = 0; m < sizeof marks / sizeof marks[0]; m++)
            if (len - i >= 3 && memcmp(text + i, marks[m], 3) == 0) return true;
    }
    return false;
}

static bool starts_with(struct slice text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && memcmp(text.ptr, word, len) == 0;
}

static struct slice from(struct slice text, size_t skip)
{
    return slice_of(text.ptr + skip, text.len - skip);
}

/* ---- Unix ---- */

/* "0660" or "660": permission bits only. */
static bool parse_mode(const char *text, size_t len, uint32_t *mode)
{
    if (len < 3 || len > 4 || (len == 4 && text[0] != '0')) return false;
    *mode = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '7') return false;
        *mode = *mode * 8 + (uint32_t)(text[i] - '0');
    }
    return true;
}

static const char *set_path(struct address *out, struct slice path)
{
    if (path.len == 0) return "no path, expected unix:/path";
    if (path.len >= sizeof out->path) return "path too long for a socket, expected at most 107 bytes";
    if (memchr(path.ptr, '\0', path.len)) return "a path without zero bytes was expected";
    out->is_unix = true;
    memcpy(out->path, path.ptr, path.len);
    return NULL;
}

/* What follows unix:, to listen on. */
static const char *parse_unix(struct address *out, struct slice text)
{
    static const char option[] = "?mode=";
    const char *query = memchr(text.ptr, '?', text.len);
    size_t path_len = query ? (size_t)(query - text.ptr) : text.len, skip = path_len + sizeof option - 1;

    out->mode = ADDRESS_MODE;
    if (query) {
        if (!starts_with(from(text, path_len), option))
            return "unknown option after \"?\", expected ?mode= and octal digits, as in ?mode=0660";
        if (!parse_mode(text.ptr + skip, text.len - skip, &out->mode))
            return "bad mode, expected octal permission bits, as in ?mode=0660";
    }
    if (path_len == 0 || text.ptr[0] != '/') return "not an absolute path, expected unix:/path";
    return set_path(out, slice_of(text.ptr, path_len));
}

/* ---- TCP ---- */

/* An IPv6 address, perhaps with a zone: fe80::1%eth0. */
static bool valid_v6(const char *host)
{
    char bare[INET6_ADDRSTRLEN];
    struct in6_addr address;
    size_t len = strcspn(host, "%");
    if (len >= sizeof bare) return false;
    memcpy(bare, host, len);
    bare[len] = '\0';
    if (inet_pton(AF_INET6, bare, &address) != 1) return false;
    if (host[len] == '\0') return true;
    const char *zone = host + len + 1;
    for (const char *c = zone; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) return false;
    return *zone != '\0' && strlen(zone) < 16;
}

/* A name or an IPv4 address. What consists of digits and dots must be the latter. */
static bool valid_name(const char *host)
{
    bool numeric = true;
    for (const char *c = host; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr(".-_", *c)) return false;
        numeric &= isdigit((unsigned char)*c) || *c == '.';
    }
    struct in_addr address;
    return *host != '\0' && (!numeric || inet_pton(AF_INET, host, &address) == 1);
}

/* host, host:port, [v6] or [v6]:port. *has_port says whether there was one. */
static const char *parse_host(struct address *out, struct slice text, bool *has_port)
{
    bool bracket = text.len > 0 && text.ptr[0] == '[';
    const char *colon = text.len > 0 ? memrchr(text.ptr, ':', text.len) : NULL, *end = text.ptr + text.len;
    uint64_t port = 0;
    if (bracket && colon && memchr(colon, ']', (size_t)(end - colon))) colon = NULL;
    struct slice host = slice_of(text.ptr, colon ? (size_t)(colon - text.ptr) : text.len);
    *has_port = colon;
    if (host.len == 0) return "no host, " EXPECTED;
    if (!bracket && memchr(host.ptr, ':', host.len)) return "an IPv6 address needs brackets, expected [v6]:port";
    if (colon &&
        (end - colon > 6 || !number_parse(slice_of(colon + 1, (size_t)(end - colon) - 1), UINT16_MAX, &port)))
        return "bad port, expected 0 to 65535";
    if (bracket && host.ptr[host.len - 1] != ']') return "no \"]\" before the port, expected [v6]:port";
    if (bracket) host = slice_of(host.ptr + 1, host.len - 2);
    if (host.len >= sizeof out->host) return "host name too long, expected at most 255 bytes";
    memcpy(out->host, host.ptr, host.len);
    out->port = (uint16_t)port;
    if (bracket) return valid_v6(out->host) ? NULL : "not an IPv6 address, expected [v6]:port";
    return valid_name(out->host) ? NULL : "neither a host name nor an IPv4 address, " EXPECTED;
}

/* To listen on. What people are likely to write in place of an address gets an answer of its own. */
static const char *parse_tcp(struct address *out, struct slice text)
{
    bool has_port = false;
    size_t digits = 0;
    while (digits < text.len && isdigit((unsigned char)text.ptr[digits]))
        digits++;
    if (text.ptr[0] == '/') return "a path, write unix: in front of it";
    if (digits == text.len) return "no host, write 127.0.0.1:port, or 0.0.0.0:port for every interface";
    if (text.ptr[0] == ':' ? !memchr(text.ptr + 1, ':', text.len - 1) : starts_with(text, "*:"))
        return "no host; for every interface write 0.0.0.0:port or [::]:port explicitly";
    const char *wrong = parse_host(out, text, &has_port);
    return wrong || has_port ? wrong : "no port, " EXPECTED;
}

/* ---- whole addresses ---- */

static const char *write_text(struct address *a)
{
    if (a->is_unix)
        snprintf(a->text, sizeof a->text, UNIX "%s", a->path);
    else
        snprintf(a->text, sizeof a->text, strchr(a->host, ':') ? "[%s]:%u" : "%s:%u", a->host, a->port);
    return NULL;
}

static const char *finish(struct address *out, const char *wrong)
{
    if (wrong) memset(out, 0, sizeof *out);
    return wrong ? wrong : write_text(out);
}

const char *address_parse(struct address *out, struct slice text)
{
    memset(out, 0, sizeof *out);
    if (text.len == 0) return "no value, " EXPECTED;
    if (has_control(text.ptr, text.len)) return "holds a control character, " EXPECTED;
    const char *wrong = starts_with(text, UNIX) ? parse_unix(out, from(text, strlen(UNIX))) : parse_tcp(out, text);
    if (finish(out, wrong)) return wrong;
    memset(out->text, 0, sizeof out->text);
    memcpy(out->text, text.ptr, text.len); /* the bounds on host and path bound the whole */
    return NULL;
}

static const char *parse_authority(struct address *out, struct slice text, uint16_t default_port)
{
    bool has_port = false;
    if (text.len > 0 && text.ptr[text.len - 1] == '/') text.len--;
    const char *wrong = parse_host(out, text, &has_port);
    if (text.len == 0) return "the URL names no host";
    if (!wrong && has_port && out->port == 0) return "bad port, expected 1 to 65535";
    if (!has_port) out->port = default_port;
    return wrong;
}

const char *address_parse_url(struct address *out, struct slice url, uint16_t default_port)
{
    memset(out, 0, sizeof *out);
    if (starts_with(url, UNIX)) return address_set_unix(out, from(url, strlen(UNIX)));
    if (!starts_with(url, TCP_SCHEME)) return "expected sluice://host:port or unix:/path";
    return finish(out, parse_authority(out, from(url, strlen(TCP_SCHEME)), default_port));
}

const char *address_set_tcp(struct address *out, struct slice host, uint16_t port)
{
    memset(out, 0, sizeof *out);
    if (host.len == 0 || host.len >= sizeof out->host || memchr(host.ptr, '\0', host.len))
        return "a host has 1 to 255 bytes";
    memcpy(out->host, host.ptr, host.len);
    out->port = port;
    return write_text(out);
}

const char *address_set_unix(struct address *out, struct slice path)
{
    memset(out, 0, sizeof *out);
    return finish(out, set_path(out, path));
}

bool address_same(const struct address *a, const struct address *b)
{
    if (a->is_unix != b->is_unix) return false;
    if (a->is_unix) return strcmp(a->path, b->path) == 0;
    if (a->port != b->port || a->port == 0) return false;
    struct in6_addr x, y;
    if (inet_pton(AF_INET6, a->host, &x) == 1 && inet_pton(AF_INET6, b->host, &y) == 1)
        return memcmp(&x, &y, sizeof x) == 0; /* however they were written */
    return strcasecmp(a->host, b->host) == 0;
}
