/* One connection's membership of a channel: joining, the door's texts, losing the network and coming back, leaving. */
#ifndef OFFHOOK_AGORA_MEMBERSHIP_H
#define OFFHOOK_AGORA_MEMBERSHIP_H

#include "library.h"

/* All of these are called under the lock. */

/* Begin to join what the connection names. */
void membership_connect(struct connection *connection);

/* Leave, if it is in or on its way; with an event unless `silent`. */
void membership_leave(struct connection *connection, bool silent);

/* Send a token. */
int membership_renew(struct connection *connection, const char *token);

/* Read, answer and look at the timers; return when to come again. */
int64_t membership_turn(struct connection *connection, int64_t now);

/* Free what belongs to the membership. */
void membership_free(struct connection *connection);

#endif
