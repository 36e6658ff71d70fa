/* Completion of verbs at the prompt. */
#ifndef CLIENTS_CLI_COMPLETE_H
#define CLIENTS_CLI_COMPLETE_H

#include <histedit.h>

/* For EL_ADDFN: completes the verb in front of the cursor, or lists those that fit. */
unsigned char complete_verb(EditLine *el, int ch);

#endif
