/*
 * Addresses to listen on.
 *
 *     unix:/run/sluice.sock?mode=0660     [::1]:7811        localhost:7811
 *          path             mode           host port        host      port
 */
#include "config/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define EXPECTED "expected host:port, [v6]:port or unix:/path"

static bool refuse(struct config_reason *why, const char *text)
{
    config_reason_set(why, "%s", text);
    return false;
}

/* Bytes that would break lines or hide in a message: ASCII and C1 controls, line separators, byte order marks. */
static bool has_control(const char *text, size_t len)
{
    static const char *const marks[] = {"\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xef\xbf\xbe",
                                        "\xef\xbf\xbf"};
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) return true;
        if (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0) return true;
        for (size_t m = 0; m < sizeof marks / sizeof marks[0]; m++) {
            if (len - i >= 3 && memcmp(text + i, marks[m], 3) == 0) return true;
        }
    }
    return false;
}

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

static bool parse_unix(struct settings_address *out, const char *text, size_t len, struct config_reason *why)
{
    static const char option[] = "?mode=";
    const char *query = memchr(text, '?', len);
    size_t path_len = query ? (size_t)(query - text) : len;

    out->kind = ADDRESS_UNIX;
    out->mode = CONFIG_SOCKET_MODE;
    if (query) {
        size_t query_len = len - path_len;
        size_t skip = sizeof option - 1;
        if (query_len < skip || memcmp(query, option, skip) != 0) {
            return refuse(why, "unknown option after \"?\", expected ?mode= and octal digits, as in ?mode=0660");
        }
        if (!parse_mode(query + skip, query_len - skip, &out->mode)) {
            return refuse(why, "bad mode, expected octal permission bits, as in ?mode=0660");
        }
    }
    if (path_len == 0 || text[0] != '/') {
        return refuse(why, "not an absolute path, expected unix:/path");
    }
    if (path_len >= sizeof out->path) {
        config_reason_set(why, "path of %zu bytes is too long for a socket, expected at most %zu", path_len,
                          sizeof out->path - 1);
        return false;
    }
    memcpy(out->path, text, path_len);
    return true;
}

static bool parse_port(const char *text, size_t len, uint16_t *port)
{
    uint32_t n = 0;
    if (len == 0 || len > 5) return false;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i])) return false;
        n = n * 10 + (uint32_t)(text[i] - '0');
    }
    *port = (uint16_t)n;
    return n <= UINT16_MAX;
}

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
    for (const char *c = zone; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) return false;
    }
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

static bool parse_tcp(struct settings_address *out, const char *text, size_t len, struct config_reason *why)
{
    bool bracket = text[0] == '[';
    const char *colon = memrchr(text, ':', len);
    size_t digits = 0;
    while (digits < len && isdigit((unsigned char)text[digits])) {
        digits++;
    }
    if (text[0] == '/') return refuse(why, "a path, write unix: in front of it");
    if (digits == len) return refuse(why, "no host, write 127.0.0.1:port, or 0.0.0.0:port for every interface");
    if (!colon || (bracket && memchr(colon, ']', (size_t)(text + len - colon)))) {
        return refuse(why, "no port, " EXPECTED);
    }
    size_t host_len = (size_t)(colon - text);
    if (host_len == 0 || (host_len == 1 && text[0] == '*')) {
        return refuse(why, "no host; for every interface write 0.0.0.0:port or [::]:port explicitly");
    }
    if (!bracket && memchr(text, ':', host_len)) {
        return refuse(why, "an IPv6 address needs brackets, expected [v6]:port");
    }
    if (!parse_port(colon + 1, len - host_len - 1, &out->port)) {
        return refuse(why, "bad port, expected 0 to 65535");
    }
    if (bracket && text[host_len - 1] != ']') return refuse(why, "no \"]\" before the port, expected [v6]:port");
    size_t trim = bracket ? 1 : 0;
    host_len -= 2 * trim;
    if (host_len >= sizeof out->host) return refuse(why, "host name too long, expected at most 255 bytes");
    memcpy(out->host, text + trim, host_len);
    if (bracket ? !valid_v6(out->host) : !valid_name(out->host)) {
        return refuse(why, bracket ? "not an IPv6 address, expected [v6]:port"
                                   : "neither a host name nor an IPv4 address, " EXPECTED);
    }
    return true;
}

bool config_address_parse(struct settings_address *out, const char *text, size_t len, struct config_reason *why)
{
    static const char scheme[] = "unix:";
    size_t skip = sizeof scheme - 1;
    memset(out, 0, sizeof *out);
    bool ok = false;
    if (len == 0) {
        refuse(why, "no value, " EXPECTED);
    } else if (has_control(text, len)) {
        refuse(why, "holds a control character, " EXPECTED);
    } else if (len >= skip && memcmp(text, scheme, skip) == 0) {
        ok = parse_unix(out, text + skip, len - skip, why);
    } else {
        ok = parse_tcp(out, text, len, why);
    }
    if (!ok) {
        memset(out, 0, sizeof *out);
        return false;
    }
    /* The bounds on host and path bound the whole. */
    memcpy(out->text, text, len);
    return true;
}

bool config_address_same(const struct settings_address *a, const struct settings_address *b)
{
    if (a->kind != b->kind) return false;
    if (a->kind == ADDRESS_UNIX) return strcmp(a->path, b->path) == 0;
    if (a->port != b->port || a->port == 0) return false;
    struct in6_addr x, y;
    if (inet_pton(AF_INET6, a->host, &x) == 1 && inet_pton(AF_INET6, b->host, &y) == 1) {
        return memcmp(&x, &y, sizeof x) == 0; /* however they were written */
    }
    return strcasecmp(a->host, b->host) == 0;
}

static size_t quote(const char *text, char *out)
{
    size_t used = 0;
    out[used++] = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') out[used++] = '\\';
        out[used++] = *text;
    }
    out[used++] = '"';
    return used;
}

size_t config_address_quote(const char *text, bool always, char *out)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/?=-";
    size_t len = strlen(text);
    if (!always && isalnum((unsigned char)text[0]) && strspn(text, plain) == len) {
        memcpy(out, text, len);
        return len;
    }
    return quote(text, out);
}
