/* What every function of the API does first: take the lock, and notice what Agora's own library would punish. */
#ifndef OFFHOOK_AGORA_ENTRY_H
#define OFFHOOK_AGORA_ENTRY_H

#include "library.h"

/* Take the lock; false if the process was forked from the one that runs the library, where nothing can work. */
bool enter(const char *function);

/* Return what a handle stands for; NULL, with a report, if it was released or is none. */
struct service *service_of(agora_handle handle, const char *function);
struct sender *sender_of(agora_handle handle, const char *function);
struct track *track_of(agora_handle handle, const char *function);
struct connection *connection_of(agora_handle handle, const char *function);
struct connection *user_of(agora_handle handle, const char *function);

#endif
