/* Reading UTF-8. */
#include "daemon/base/utf8.h"

size_t utf8_decode(const char *bytes, size_t len, uint32_t *code)
{
    /* The smallest number that needs so many bytes: anything below it is overlong. */
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};

    if (!len) return 0;

    unsigned char first = (unsigned char)bytes[0];
    if (first < 0x80) {
        *code = first;
        return 1;
    }
    if (first < 0xC2 || first > 0xF4) return 0;

    size_t need = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (len < need) return 0;

    uint32_t number = first & (0x7FU >> need);
    for (size_t i = 1; i < need; i++) {
        unsigned char next = (unsigned char)bytes[i];
        if ((next & 0xC0) != 0x80) return 0;
        number = number << 6 | (next & 0x3FU);
    }
    if (number < smallest[need] || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF)) return 0;
    *code = number;
    return need;
}
