/* Reads a configuration file into memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/errors.h"

#define FILE_MAX ((size_t)1 << 20)

/* Reads until the end or FILE_MAX + 1 bytes; returns how many, or -1 with errno. */
static ssize_t read_all(int fd, char *out)
{
    size_t used = 0;
    while (used <= FILE_MAX) {
        ssize_t n = read(fd, out + used, FILE_MAX + 1 - used);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

bool config_load_file(struct settings *settings, const char *path, struct config_errors *errors)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        config_errors_add(errors, "%s: cannot be opened: %s", path, strerror(errno));
        return false;
    }
    struct stat st;
    bool ok = false;
    char *text = NULL;
    ssize_t len = -1;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        config_errors_add(errors, "%s: is a directory, expected a YAML file", path);
    else if (!(text = malloc(FILE_MAX + 1)))
        config_errors_add(errors, "%s: out of memory", path);
    else if ((len = read_all(fd, text)) < 0)
        config_errors_add(errors, "%s: cannot be read: %s", path, strerror(errno));
    else if ((size_t)len > FILE_MAX)
        config_errors_add(errors, "%s: larger than 1MiB, expected a configuration file", path);
    else
        ok = config_load_text(settings, path, text, (size_t)len, errors);
    free(text);
    close(fd);
    return ok;
}
