/* WebSockets of connections that have left: read until the server closes them, so that the last text arrives. */
#ifndef OFFHOOK_AGORA_FAREWELL_H
#define OFFHOOK_AGORA_FAREWELL_H

#include <poll.h>

#include "library.h"

#define MOST_FAREWELLS 64

/* All of these are called under the lock. */

/* Take over a WebSocket. */
void farewell(struct websocket *ws);

/* Add the descriptors to poll for; return how many. */
nfds_t farewells_poll(struct pollfd *into);

/* Read, write, and free those that are done; return when to come again. */
int64_t farewells_turn(int64_t now);

/* Whether any is under way. */
bool farewells_wait(void);

/* Free all of them. */
void farewells_end(void);

#endif
