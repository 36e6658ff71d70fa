/* Reading UTF-8 (RFC 3629) that may be anything. Pure, thread-safe. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* How many bytes (1 to 4) the character at the start of bytes[0..len) takes; its number goes into *code. 0 when no
 * valid character starts there: empty, cut short, overlong, a surrogate or beyond U+10FFFF. */
size_t utf8_decode(const char *bytes, size_t len, uint32_t *code);

#endif
