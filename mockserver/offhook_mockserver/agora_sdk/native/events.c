#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "misuse.h"
#include "threads.h"

/* A program that blocks the thread of events loses indications of volume first; see `push`. */
#define MOST_EVENTS 20000
#define MOST_VOLUMES 1000
/* A call that waits longer than this for a callback, in seconds, is reported. */
#define REMARK_S 5
/* The longest time, in seconds, that a call made inside a callback waits for callbacks of the other thread: two that
 * wait for one another would wait for ever. */
#define INSIDE_S 1

enum event_kind { EVENT_STATE, EVENT_MEMBER, EVENT_TEXT, EVENT_USER, EVENT_VOLUMES, EVENT_CAPABILITIES };

struct event {
    struct event *next;
    enum event_kind kind;
    agora_handle connection;
    unsigned slot;
    int first, second, third;
    char member[12];
    agora_handle track;
    /* the information on the connection at the time of the event */
    uint64_t id;
    int state;
    uint32_t uid;
    char uid_text[12];
    char channel[MOST_CHANNEL + 1];
    /* of volumes */
    unsigned count;
    struct agora_volume *volumes;
    char (*uids)[12];
    char *text;
};

static struct {
    struct event *first, *last;
    unsigned count;
} queue;

static void event_free(struct event *event) {
    if (event->text != NULL) {
        memset(event->text, 0, strlen(event->text)); /* it may be a token */
    }
    free(event->text);
    free(event->volumes);
    free(event->uids);
    free(event);
}

static struct event *event_new(struct connection *connection, enum event_kind kind, unsigned slot) {
    struct event *event = calloc(1, sizeof *event);
    if (event != NULL) {
        event->kind = kind;
        event->slot = slot;
        event->connection = connection->self;
        event->id = connection->id;
        event->state = connection->state;
        event->uid = connection->uid;
        memcpy(event->uid_text, connection->uid_text, sizeof event->uid_text);
        memcpy(event->channel, connection->channel, sizeof event->channel);
    }
    return event;
}

static void push(struct connection *connection, struct event *event) {
    if (event == NULL) {
        return;
    }
    if (queue.count >= MOST_EVENTS || (event->kind == EVENT_VOLUMES && queue.count >= MOST_VOLUMES)) {
        misuse(connection, MISUSE_EVENTS_OVERFLOW, "%u events wait for a callback that has not returned; more are lost",
               queue.count);
        event_free(event);
        return;
    }
    if (queue.last != NULL) {
        queue.last->next = event;
    } else {
        queue.first = event;
    }
    queue.last = event;
    queue.count++;
    pthread_cond_signal(&library.events_wanted);
}

void event_state(struct connection *connection, enum agora_connection_slot slot, int reason) {
    struct event *event = event_new(connection, EVENT_STATE, slot);
    if (event != NULL) {
        event->first = reason;
        push(connection, event);
    }
}

void event_member(struct connection *connection, enum agora_connection_slot slot, uint32_t uid, int reason) {
    struct event *event = event_new(connection, EVENT_MEMBER, slot);
    if (event != NULL) {
        event->first = reason;
        snprintf(event->member, sizeof event->member, "%u", uid);
        push(connection, event);
    }
}

void event_text(struct connection *connection, enum agora_connection_slot slot, int code, const char *text) {
    struct event *event = event_new(connection, EVENT_TEXT, slot);
    if (event != NULL) {
        event->first = code;
        event->text = strdup(text);
        if (event->text == NULL) {
            event_free(event);
            return;
        }
        push(connection, event);
    }
}

void event_user(struct connection *connection, enum agora_user_slot slot, uint32_t uid, agora_handle track, int first,
                int second, int third) {
    struct event *event = event_new(connection, EVENT_USER, slot);
    if (event != NULL) {
        event->first = first;
        event->second = second;
        event->third = third;
        event->track = track;
        snprintf(event->member, sizeof event->member, "%u", uid);
        push(connection, event);
    }
}

void event_volumes(struct connection *connection, const struct agora_volume *volumes, const uint32_t *uids,
                   unsigned count, int total) {
    struct event *event = event_new(connection, EVENT_VOLUMES, ON_VOLUME);
    if (event == NULL) {
        return;
    }
    event->first = total;
    event->count = count;
    event->volumes = malloc((count + 1) * sizeof *event->volumes);
    event->uids = malloc((count + 1) * sizeof *event->uids);
    if (event->volumes == NULL || event->uids == NULL) {
        event_free(event);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        snprintf(event->uids[i], sizeof event->uids[i], "%u", uids[i]);
        event->volumes[i] = volumes[i];
        event->volumes[i].uid = event->uids[i];
    }
    push(connection, event);
}

void event_capabilities(struct connection *connection) {
    push(connection, event_new(connection, EVENT_CAPABILITIES, ON_CAPABILITIES));
}

/* Observers */

void observer_set(struct connection *connection, struct observer *observer, const void *functions, size_t slots,
                  const char *name) {
    if (observer->set) {
        misuse(connection, MISUSE_SECOND_OBSERVER, "%s replaces an observer that is still registered", name);
        observer_clear(connection, observer);
    }
    memset(observer->call, 0, sizeof observer->call);
    memcpy(observer->call, functions, slots * sizeof *observer->call);
    observer->set = true;
}

static bool busy_elsewhere(const struct observer *observer) {
    for (int role = 0; role < ROLES; role++) {
        if (observer->busy[role] && !(in_callback && role == (int)own_role)) {
            return true;
        }
    }
    return false;
}

/* Wait for a change of any observer; return false if this thread shall not wait any longer. */
static bool wait_change(struct connection *connection, unsigned *turns) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    if (pthread_cond_timedwait(&library.changed, &library.lock, &until) == ETIMEDOUT) {
        ++*turns;
        if (in_callback && *turns >= INSIDE_S) {
            return false;
        }
        if (*turns == REMARK_S) {
            misuse(connection, MISUSE_CALLBACK_BLOCKS,
                   "a call waits for a callback that has not returned for %d s: does it wait for a lock of the caller?",
                   REMARK_S);
        }
    }
    return true;
}

void observer_clear(struct connection *connection, struct observer *observer) {
    unsigned turns = 0;
    observer->set = false;
    connection->waiters++;
    while (busy_elsewhere(observer) && wait_change(connection, &turns)) {
    }
    connection->waiters--;
    pthread_cond_broadcast(&library.changed);
}

/* Unset all observers; return whether a callback of one is in flight. */
static bool unset_all(struct connection *connection) {
    struct observer *observers[] = {&connection->on_connection, &connection->on_user, &connection->on_audio,
                                    &connection->on_capabilities};
    bool busy = false;
    for (size_t i = 0; i < sizeof observers / sizeof *observers; i++) {
        observers[i]->set = false;
        busy = busy || busy_elsewhere(observers[i]);
    }
    return busy;
}

bool observers_wait(struct connection *connection) {
    unsigned turns = 0;
    for (;;) {
        bool busy = unset_all(connection) || connection->waiters > 0;
        if (!busy || !wait_change(connection, &turns)) {
            return !busy;
        }
    }
}

void observers_abandon(struct connection *connection) {
    unsigned turns = 0;
    connection->waiters++;
    while (unset_all(connection) && turns < INSIDE_S && wait_change(connection, &turns)) {
    }
    connection->waiters--;
    pthread_cond_broadcast(&library.changed);
}

bool observer_enter(struct connection *connection, struct observer *observer, unsigned slot, agora_callback *call) {
    *call = observer->call[slot];
    if (!observer->set || *call == NULL) {
        return false;
    }
    observer->busy[own_role] = true;
    in_callback = connection->self;
    unlock();
    return true;
}

void observer_left(struct observer *observer) {
    in_callback = 0;
    if (observer != NULL) {
        observer->busy[own_role] = false;
    }
    pthread_cond_broadcast(&library.changed);
}

/* Dispatch */

typedef void (*state_function)(agora_handle, struct agora_connection_info *, int);
typedef void (*lost_function)(agora_handle, struct agora_connection_info *);
typedef void (*member_function)(agora_handle, const char *);
typedef void (*left_function)(agora_handle, const char *, int);
typedef void (*text_function)(agora_handle, const char *);
typedef void (*plain_function)(agora_handle);
typedef void (*error_function)(agora_handle, int, const char *);
typedef void (*executed_function)(agora_handle, int, const char *, const char *);
typedef void (*track_function)(agora_handle, agora_handle);
typedef void (*subscribed_function)(agora_handle, const char *, agora_handle);
typedef void (*track_state_function)(agora_handle, const char *, agora_handle, int, int, int);
typedef void (*subscribe_state_function)(agora_handle, const char *, const char *, int, int, int);
typedef void (*publish_state_function)(agora_handle, const char *, int, int, int);
typedef void (*number_function)(agora_handle, const char *, int);
typedef void (*two_numbers_function)(agora_handle, const char *, int, int);
typedef void (*capabilities_function)(agora_handle, struct agora_capability *, int);
typedef void (*volume_function)(agora_handle, struct agora_volume *, unsigned, int);

static void call_connection(const struct event *e, agora_callback call) {
    agora_handle self = e->connection;
    struct agora_connection_info info = {e->id, e->channel, e->state, e->uid_text, e->uid};
    switch (e->slot) {
    case ON_CONNECTION_LOST:
        ((lost_function)call)(self, &info);
        break;
    case ON_USER_JOINED:
        ((member_function)call)(self, e->member);
        break;
    case ON_USER_LEFT:
        ((left_function)call)(self, e->member, e->first);
        break;
    case ON_TOKEN_WILL_EXPIRE:
        ((text_function)call)(self, e->text);
        break;
    case ON_TOKEN_DID_EXPIRE:
        ((plain_function)call)(self);
        break;
    case ON_ERROR:
        ((error_function)call)(self, e->first, e->text);
        break;
    case ON_API_CALL_EXECUTED:
        ((executed_function)call)(self, e->first, e->text, "");
        break;
    default:
        ((state_function)call)(self, &info, e->first);
    }
}

static void call_user(const struct event *e, agora_handle user, agora_callback call) {
    switch (e->slot) {
    case ON_PUBLISH_START:
    case ON_PUBLISH_SUCCESS:
    case ON_UNPUBLISHED:
        ((track_function)call)(user, e->track);
        break;
    case ON_SUBSCRIBED:
        ((subscribed_function)call)(user, e->member, e->track);
        break;
    case ON_TRACK_STATE:
        ((track_state_function)call)(user, e->member, e->track, e->first, e->second, e->third);
        break;
    case ON_SUBSCRIBE_STATE:
        ((subscribe_state_function)call)(user, e->channel, e->member, e->first, e->second, e->third);
        break;
    case ON_PUBLISH_STATE:
        ((publish_state_function)call)(user, e->channel, e->first, e->second, e->third);
        break;
    case ON_FIRST_FRAME:
    case ON_FIRST_DECODED:
        ((number_function)call)(user, e->member, e->first);
        break;
    case ON_USER_INFO:
        ((two_numbers_function)call)(user, e->member, e->first, e->second);
        break;
    case ON_VOLUME:
        ((volume_function)call)(user, e->volumes, e->count, e->first);
        break;
    default:
        break;
    }
}

/* What the far side says that does not support AI QoS: type 19, without an item named SUPPORT. Agora's Python layer
 * answers inside the callback, with calls of its own: these are not the program's fault. */
static void call_capabilities(agora_handle user, agora_callback call) {
    struct agora_capability_items none = {NULL, 0};
    struct agora_capability capability = {&none, 19};
    calls_allowed = true;
    ((capabilities_function)call)(user, &capability, 1);
    calls_allowed = false;
}

static struct observer *observer_of(struct connection *connection, const struct event *e) {
    switch (e->kind) {
    case EVENT_USER:
    case EVENT_VOLUMES:
        return &connection->on_user;
    case EVENT_CAPABILITIES:
        return &connection->on_capabilities;
    default:
        return &connection->on_connection;
    }
}

static void dispatch(const struct event *e) {
    struct connection *connection = handle_get(e->connection, HANDLE_CONNECTION);
    agora_callback call;
    if (connection == NULL) {
        return;
    }
    agora_handle user = connection->user;
    if (!observer_enter(connection, observer_of(connection, e), e->slot, &call)) {
        return;
    }
    if (e->kind == EVENT_CAPABILITIES) {
        call_capabilities(user, call);
    } else if (e->kind == EVENT_USER || e->kind == EVENT_VOLUMES) {
        call_user(e, user, call);
    } else {
        call_connection(e, call);
    }
    lock();
    /* The callback may have released the connection. */
    connection = handle_get(e->connection, HANDLE_CONNECTION);
    observer_left(connection == NULL ? NULL : observer_of(connection, e));
}

void *events_run(void *nothing) {
    (void)nothing;
    thread_name("agora-events");
    own_role = ROLE_EVENTS;
    lock();
    while (!library.stopping) {
        struct event *event = queue.first;
        if (event == NULL) {
            pthread_cond_wait(&library.events_wanted, &library.lock);
            continue;
        }
        queue.first = event->next;
        if (queue.first == NULL) {
            queue.last = NULL;
        }
        queue.count--;
        dispatch(event);
        event_free(event);
    }
    unlock();
    return NULL;
}

void events_drop(void) {
    while (queue.first != NULL) {
        struct event *next = queue.first->next;
        event_free(queue.first);
        queue.first = next;
    }
    queue.last = NULL;
    queue.count = 0;
}
