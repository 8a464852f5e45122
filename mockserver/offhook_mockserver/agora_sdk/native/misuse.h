/* What a program did that Agora's own library punishes: said by name, once each, and never a crash. */
#ifndef OFFHOOK_AGORA_MISUSE_H
#define OFFHOOK_AGORA_MISUSE_H

#include "library.h"

enum misuse {
    MISUSE_CALL_IN_CALLBACK,
    MISUSE_USE_AFTER_RELEASE,
    MISUSE_SECOND_OBSERVER,
    MISUSE_CALLBACK_RESULT,
    MISUSE_CALLBACK_BLOCKS,
    MISUSE_SERVICE_BUSY,
    MISUSE_DATA_MESSAGE,
    MISUSE_VIDEO,
    MISUSE_ENCODED_AUDIO,
    MISUSE_TEXT_UID,
    MISUSE_REMOTE_STATISTICS,
    MISUSE_EVENTS_OVERFLOW,
    MISUSE_AUDIENCE,
    MISUSE_NOT_MODELLED, /* with the function in its name */
    MISUSE_KINDS
};

/* Report, under the lock: to the mock if `connection`, or else any connection, is joined; otherwise to stderr at once,
 * and to the mock when a connection joins. */
void misuse(struct connection *connection, enum misuse kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What a generated function does that stands for one of Agora's: report that it has no effect, and return 0. */
long not_modelled(enum misuse kind, const char *function);

/* Say something on stderr that is not the fault of the program's order of calls. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Send what waits, if a connection is joined; called by the network thread under the lock. */
void misuse_send(void);

/* Forget reports that wait, and say them on stderr instead. */
void misuse_stop(void);

#endif
