/* The other members of a channel: who is there, who speaks, whom the program hears. */
#ifndef OFFHOOK_AGORA_REMOTES_H
#define OFFHOOK_AGORA_REMOTES_H

#include "json.h"
#include "library.h"

/* All of these are called under the lock. */

/* Members of a welcome: differences from what is known become events. */
void remotes_welcome(struct connection *connection, const struct json *members);

void remote_joined(struct connection *connection, uint32_t uid);
void remote_published(struct connection *connection, uint32_t uid, bool published);
void remote_left(struct connection *connection, uint32_t uid, int reason);

/* A binary message of the door; false if it is not one. */
bool remote_audio(struct connection *connection, const unsigned char *data, size_t size, int64_t now);

/* Whether the program hears a member, from now on. */
void remotes_choose(struct connection *connection, uint32_t uid, bool hear);
void remotes_choose_all(struct connection *connection, bool hear);

/* Find a member that is in. */
struct remote *remote_find(struct connection *connection, uint32_t uid);

/* Free one that left, once its audio has been handed over. */
void remote_forget(struct connection *connection, struct remote *remote);

/* Forget all of them, without events. */
void remotes_clear(struct connection *connection);

#endif
