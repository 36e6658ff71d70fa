/* History entries hold keys and values of sessions: the folder is made 0700, the file 0600. */
#include "clients/cli/history.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The path of the file, or false when the environment names no place. */
static bool find_path(char *path, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int n = 0;

    if (state && state[0] == '/')
        n = snprintf(path, size, "%s/sluice/history", state);
    else if (home && home[0] == '/')
        n = snprintf(path, size, "%s/.local/state/sluice/history", home);
    return n > 0 && (size_t)n < size;
}

/* Makes the folders that lead to `path`. */
static bool make_folders(char *path)
{
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        bool ok = false;
        *at = '\0';
        ok = mkdir(path, 0700) == 0 || errno == EEXIST;
        *at = '/';
        if (!ok) return false;
    }
    return true;
}

void history_load(History *h)
{
    char path[PATH_MAX];
    HistEvent event;

    if (find_path(path, sizeof path) && access(path, R_OK) == 0) history(h, &event, H_LOAD, path);
}

void history_save(History *h)
{
    char path[PATH_MAX];
    HistEvent event;
    int fd = -1;

    if (!find_path(path, sizeof path) || !make_folders(path)) return;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    close(fd);
    history(h, &event, H_SAVE, path);
}
