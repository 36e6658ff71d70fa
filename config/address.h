/* Addresses to listen on: host:port, [v6]:port, unix:/path, unix:/path?mode=0660. Nothing is resolved here. */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include "config/errors.h"
#include "config/settings.h"

#define CONFIG_SOCKET_MODE 0660 /* of a Unix socket, unless the address says another */

/* Fills *out wholly. False: *why says what is wrong; *out is then all zero. */
bool config_address_parse(struct settings_address *out, const char *text, size_t len, struct config_reason *why);

/* True when a socket cannot be bound to both. Port 0 never collides. */
bool config_address_same(const struct settings_address *a, const struct settings_address *b);

/* Writes an address's text so that YAML reads it back, quoted if need be; no NUL. Returns the length. */
size_t config_address_quote(const char *text, bool always, char *out);

#endif
