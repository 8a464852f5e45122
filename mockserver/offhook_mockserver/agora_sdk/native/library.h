/* The state of the library, and the rule for touching it: everything here belongs to one lock.
 *
 * Three threads run while a service is initialised: "agora-net" owns the sockets, the timers and the pace of sending,
 * "agora-events" calls the observers of events in the order in which things happened, and "agora-audio" hands over
 * frames. No callback runs under the lock.
 */
#ifndef OFFHOOK_AGORA_LIBRARY_H
#define OFFHOOK_AGORA_LIBRARY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "endpoint.h"
#include "handles.h"
#include "receive_buffer.h"
#include "send_queue.h"
#include "websocket.h"

#define MOST_CONNECTIONS 256
#define MOST_CHANNEL 64
#define MOST_TOKEN 4096
#define FRAME_MS 10
#define MS_NS INT64_C(1000000)

/* The thread that runs: of the program, or one of those that call observers. */
enum role { ROLE_PROGRAM, ROLE_EVENTS, ROLE_AUDIO, ROLES };

/* An observer: a copy of its functions, and which of our threads is inside one of them. */
struct observer {
    bool set;
    bool busy[ROLES];
    agora_callback call[USER_SLOTS];
};

struct service {
    struct service *next;
    agora_handle self, factory, parameter;
    bool initialized;
    char app_id[257];
};

struct sender {
    struct sender *next;
    struct service *service;
    agora_handle self;
    struct send_queue queue;
};

struct track {
    struct track *next;
    struct service *service;
    agora_handle self;
    agora_handle sender;
    bool direct; /* of the scenario AI_SERVER: unpublishing drops what waits */
    bool enabled;
    int volume; /* percent */
};

/* Whether the program wants to hear a member, where that differs from what holds for all. */
struct choice {
    struct choice *next;
    uint32_t uid;
    bool hear;
};

/* A token that was sent to renew, and not been answered. */
struct renewal {
    struct renewal *next;
    char token[];
};

/* Another member of the channel. */
struct remote {
    struct remote *next;
    uint32_t uid;
    char text[12];
    agora_handle track;
    bool published;
    bool subscribed;
    bool heard; /* audio has arrived since it published */
    bool gone;  /* it left, and its last audio is still to be handed over */
    int peak;   /* since the last indication of volumes */
    uint32_t delivered; /* samples */
    struct receive_buffer audio;
};

enum phase {
    PHASE_IDLE,
    PHASE_DIALLING, /* until the welcome */
    PHASE_JOINED,
    PHASE_WAITING, /* for the next attempt */
};

struct connection {
    struct connection *next;
    struct service *service;
    agora_handle self, user, parameter;
    struct agora_connection_config config;
    uint64_t id;
    unsigned waiters; /* API calls that wait for callbacks */
    struct observer on_connection, on_user, on_audio, on_capabilities;

    /* What the program asked for. */
    struct endpoint endpoint;
    bool has_endpoint;
    char channel[MOST_CHANNEL + 1];
    char token[MOST_TOKEN + 1];
    uint32_t wanted_uid;
    agora_handle published; /* the track */
    bool all_subscribed;
    struct choice *choices;
    struct renewal *renewals;
    int playback_rate_hz, playback_channels, playback_volume;
    int volume_interval_ms;
    bool volume_vad;

    /* The membership. */
    int state; /* as Agora counts it */
    enum phase phase;
    struct websocket *ws;
    bool join_sent, joined_before;
    bool unreachable; /* said once, before a connection has joined */
    uint32_t uid;
    char uid_text[12];
    char place[257];
    int room_rate_hz;
    int64_t started_ns;  /* connect() */
    int64_t attempt_ns;  /* this attempt began */
    int64_t retry_ns;    /* when the next begins */
    int64_t heard_ns;    /* anything arrived */
    int64_t lost_ns;     /* the connection was interrupted; 0 while it is not */
    bool lost_reported;
    unsigned attempts;
    struct remote *remotes;
    bool ready; /* there is something to read or write */
    uint64_t misuses_sent; /* a bit for each name */

    /* Speaking. */
    bool speaking;         /* a spurt is under way */
    bool voiced;           /* the others have heard the track, and not seen it unpublished */
    bool announced;        /* the program's observer knows that it is published */
    int64_t speech_ns;     /* when position 0 was, once joined; 0 before */
    uint64_t position;     /* of the next sample */
    int64_t due_ns;        /* when the next message is due */
    int64_t partial_ns;    /* since when less than a message waits; 0: it does not */
    int own_peak;
    int64_t volumes_ns; /* when the next indication of volumes is due */
};

/* A WebSocket whose connection has left: it is read until the server closes it, for at most a second. */
struct farewell {
    struct farewell *next;
    struct websocket *ws;
    int64_t until_ns;
};

struct timing {
    int64_t interrupted_ns;
    int64_t lost_ns;
    int64_t give_up_ns;
    bool idle_frames;
    bool ai_qos_missing;
};

struct library {
    pthread_mutex_t lock;
    pthread_cond_t changed;       /* a callback returned, or a waiter left */
    pthread_cond_t events_wanted; /* for the event thread */
    pthread_cond_t audio_wanted;  /* for the audio thread */
    struct service *services;
    struct sender *senders;
    struct track *tracks;
    struct connection *connections;
    unsigned connection_count;
    uint64_t next_connection_id;
    struct farewell *farewells;
    struct timing timing;
    bool running, stopping;
    _Atomic int process; /* in which the threads run */
    pthread_t net, events, audio;
    int wake[2];
    bool woken;
    bool has_endpoint;
    struct endpoint endpoint; /* set by the program, instead of the environment */
};

extern struct library library;

/* The role of this thread; the connection of whose observer it is in a function, or 0; and whether calls of this
 * library are in order there. */
extern _Thread_local enum role own_role;
extern _Thread_local agora_handle in_callback;
extern _Thread_local bool calls_allowed;

int64_t now_ns(void);

static inline void lock(void) {
    pthread_mutex_lock(&library.lock);
}

static inline void unlock(void) {
    pthread_mutex_unlock(&library.lock);
}

/* Start and stop the threads; `library_stop` is called under the lock, which it releases meanwhile. Who starts waits
 * with `library_settle` first, for another thread that stops them. */
void library_settle(void);
bool library_start(void);
void library_stop(void);

/* Whether this process was forked from the one that runs the library: our threads do not exist here, and one of them
 * may have held the lock. */
bool library_is_foreign(void);

/* Have the network thread look at everything now. */
void wake_net(void);

#endif
