/* Events: queued in the order in which they happened, and passed to observers by one thread. */
#ifndef OFFHOOK_AGORA_EVENTS_H
#define OFFHOOK_AGORA_EVENTS_H

#include "library.h"

/* All of these are called under the lock. */

/* An event of the connection's observer that carries its information: connected, failed and so on. */
void event_state(struct connection *connection, enum agora_connection_slot slot, int reason);

/* An event about another member: user joined or left. */
void event_member(struct connection *connection, enum agora_connection_slot slot, uint32_t uid, int reason);

/* One with a text and a number: an error, an executed call, a token that expires. */
void event_text(struct connection *connection, enum agora_connection_slot slot, int code, const char *text);

/* An event of the local user's observer; `uid` is 0 if it is about our own track. */
void event_user(struct connection *connection, enum agora_user_slot slot, uint32_t uid, agora_handle track, int first,
                int second, int third);

/* Volumes: of the others, or our own. */
void event_volumes(struct connection *connection, const struct agora_volume *volumes, const uint32_t *uids,
                   unsigned count, int total);

/* The far side does not support AI QoS. */
void event_capabilities(struct connection *connection);

/* Set and clear an observer; clearing waits for callbacks in flight, except for the one that this thread is in. */
void observer_set(struct connection *connection, struct observer *observer, const void *functions, size_t slots,
                  const char *name);
void observer_clear(struct connection *connection, struct observer *observer);

/* Wait until no callback of the connection is in flight, except for the one that this thread is in. Return false if
 * that took too long inside a callback: then the connection must not be freed. */
bool observers_wait(struct connection *connection);

/* Clear all observers, and wait for their callbacks for a second at most: the caller may hold what they wait for. */
void observers_abandon(struct connection *connection);

/* Call one function of an observer: mark it, leave the lock, call, return to the lock and unmark it. */
bool observer_enter(struct connection *connection, struct observer *observer, unsigned slot, agora_callback *call);
void observer_left(struct observer *observer);

/* The thread, and the end of it: events that wait are dropped. */
void *events_run(void *nothing);
void events_drop(void);

#endif
