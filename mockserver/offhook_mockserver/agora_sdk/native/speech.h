/* Our own voice: what was pushed, sent at the pace at which it is played. */
#ifndef OFFHOOK_AGORA_SPEECH_H
#define OFFHOOK_AGORA_SPEECH_H

#include "library.h"

/* All of these are called under the lock. */

/* Publish a track, or none (0): with the events of it once the connection is in. */
void speech_publish(struct connection *connection, agora_handle track);

/* The connection is in: its published track is announced. */
void speech_joined(struct connection *connection);

/* The track was switched on or off. */
void speech_changed(struct connection *connection);

/* Send what is due; return when to come again. */
int64_t speech_turn(struct connection *connection, int64_t now);

/* Report volumes if they are due; return when to come again. */
int64_t volumes_turn(struct connection *connection, int64_t now);

#endif
