/* Where the prompt's history is kept. */
#ifndef CLIENTS_CLI_HISTORY_H
#define CLIENTS_CLI_HISTORY_H

#include <histedit.h>
#include <stddef.h>

/* Loads $XDG_STATE_HOME/sluice/history, or ~/.local/state/sluice/history, if it is there. */
void history_load(History *history);

/* Saves it there, in a file that only its owner can read. Silently does nothing where there is no such place. */
void history_save(History *history);

#endif
