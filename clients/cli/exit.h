/* What the program's exit code says; scripts rely on these numbers. */
#ifndef CLIENTS_CLI_EXIT_H
#define CLIENTS_CLI_EXIT_H

enum exit_code {
    EXIT_OK = 0,
    EXIT_NOT_FOUND = 1,
    EXIT_USAGE = 2,
    EXIT_CANNOT_CONNECT = 3, /* also: connection lost, no answer in time, not a Sluice server */
    EXIT_OVERLOADED = 4,     /* also: LATE */
    EXIT_REFUSED = 5,        /* by the request's condition */
    EXIT_SERVER_ERROR = 6,   /* also: this side is out of memory or cannot write its output */
};

#endif
