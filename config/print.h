/* What the printers share. */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include <stdio.h>

/* Writes text broken at blanks into lines of at most `width` bytes (longer words stay whole), each after prefix. */
void config_wrap(FILE *out, const char *prefix, const char *text, int width);

#endif
