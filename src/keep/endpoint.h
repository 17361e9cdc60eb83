/* Where the run of a target is reached: the port that was taken for it, or the unix socket that it made. */
#pragma once

#include "net/address.h"

#include "keep/ports.h"
#include "keep/row.h"

struct endpoint {
    uint16_t port; /* taken for this run; 0: none */
    int socket;    /* O_PATH; -1: none */
};

struct endpoint endpoint_none(void);

/* Before the run starts: the port that it is told, fixed or taken (0: it has none). False with text. */
bool endpoint_take(struct endpoint *endpoint, const struct config_service_listen *listen, struct ports *ports,
                   uint16_t *port, struct error *error);
/* A run that was begun by an earlier keeper at `address` keeps the port that was taken for it. */
void endpoint_adopt(struct endpoint *endpoint, const struct config_service_listen *listen,
                    const char *address, struct ports *ports);

/* Whom its unix socket may belong to. */
struct endpoint_owners {
    uid_t user;        /* of the run */
    gid_t gates_group; /* may connect */
};
/* It listens there: opens its socket, or writes the address into the row. False with text. */
bool endpoint_open(struct endpoint *endpoint, struct target_row *row, const struct address *address,
                   const struct endpoint_owners *owners, struct error *error);

/* Nothing is reached there any more; the port is free for others. */
void endpoint_clear(struct endpoint *endpoint, struct target_row *row, struct ports *ports);
/* Only closes what is open: the run, and what was taken for it, stay. */
void endpoint_close(struct endpoint *endpoint, struct target_row *row);
