/* Handles: numbers that stand for objects of this library, and are recognised after the object is gone.
 *
 * A handle holds a kind, an index and the generation of that index, so that a released one never means a later object.
 */
#ifndef OFFHOOK_AGORA_HANDLES_H
#define OFFHOOK_AGORA_HANDLES_H

#include "abi.h"

enum handle_kind {
    HANDLE_SERVICE = 1,
    HANDLE_FACTORY,
    HANDLE_SENDER,
    HANDLE_TRACK,
    HANDLE_CONNECTION,
    HANDLE_USER,
    HANDLE_PARAMETER,
    HANDLE_CAPABILITIES,
    HANDLE_REMOTE_TRACK,
    HANDLE_UNSUPPORTED
};

/* Return a new handle for `object`, or 0 if memory or indices are used up. */
agora_handle handle_new(enum handle_kind kind, void *object);

/* Return the object, or NULL if the handle is not a live one of this kind. */
void *handle_get(agora_handle handle, enum handle_kind kind);

/* End a handle; 0 is ignored. */
void handle_end(agora_handle handle);

/* The name of a kind, for messages. */
const char *handle_name(enum handle_kind kind);

/* Live handles. */
unsigned handle_count(void);

/* Free the table if no handle is alive. Handles made before stay recognised as released. */
void handles_trim(void);

#endif
