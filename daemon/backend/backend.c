#include "daemon/backend/backend.h"

#include <stdlib.h>

void backend_abandon(struct backend *b)
{
    for (uint32_t i = 0; i < b->station_count; i++)
        station_abandon(b->stations[i]);
}

bool backend_make_topology(struct backend *b, uint32_t stations, uint32_t lanes)
{
    b->station_count = stations;
    b->stations = calloc(stations, sizeof *b->stations);
    b->here = calloc(lanes, sizeof *b->here);
    return b->stations && b->here;
}

void backend_free_topology(struct backend *b)
{
    free(b->stations);
    free(b->here);
}
