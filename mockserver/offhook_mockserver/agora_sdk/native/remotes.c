#include "remotes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"

#define MOST_REMOTES 512

enum { TRACK_STOPPED = 0, TRACK_STARTING = 1, TRACK_DECODING = 2 };
enum { WHY_INTERNAL = 0, WHY_WE_MUTED = 3, WHY_WE_UNMUTED = 4, WHY_THEY_MUTED = 5, WHY_THEY_UNMUTED = 6, WHY_LEFT = 7 };
enum { NOT_SUBSCRIBED = 1, SUBSCRIBING = 2, SUBSCRIBED = 3 };
enum { LEFT_QUIT = 0, LEFT_DROPPED = 1 };
/* What `on_user_info_updated` reports. */
enum { INFO_MUTE_AUDIO = 0 };

static int elapsed_ms(const struct connection *connection) {
    return (int)((now_ns() - connection->started_ns) / MS_NS);
}

struct remote *remote_find(struct connection *connection, uint32_t uid) {
    struct remote *remote = connection->remotes;
    while (remote != NULL && (remote->uid != uid || remote->gone)) {
        remote = remote->next;
    }
    return remote;
}

static bool wanted(const struct connection *connection, uint32_t uid) {
    for (const struct choice *choice = connection->choices; choice != NULL; choice = choice->next) {
        if (choice->uid == uid) {
            return choice->hear;
        }
    }
    return connection->all_subscribed;
}

static void subscribe(struct connection *connection, struct remote *remote) {
    if (!remote->published || remote->subscribed || !wanted(connection, remote->uid)) {
        return;
    }
    remote->subscribed = true;
    if (remote->track == 0) {
        remote->track = handle_new(HANDLE_REMOTE_TRACK, connection);
    }
    int elapsed = elapsed_ms(connection);
    event_user(connection, ON_SUBSCRIBED, remote->uid, remote->track, 0, 0, 0);
    event_user(connection, ON_SUBSCRIBE_STATE, remote->uid, 0, SUBSCRIBING, SUBSCRIBED, elapsed);
    event_user(connection, ON_TRACK_STATE, remote->uid, remote->track, TRACK_STARTING, WHY_INTERNAL, elapsed);
}

static void unsubscribe(struct connection *connection, struct remote *remote, int why) {
    if (!remote->subscribed) {
        return;
    }
    int elapsed = elapsed_ms(connection);
    remote->subscribed = remote->heard = false;
    receive_buffer_end(&remote->audio);
    event_user(connection, ON_TRACK_STATE, remote->uid, remote->track, TRACK_STOPPED, why, elapsed);
    event_user(connection, ON_SUBSCRIBE_STATE, remote->uid, 0, SUBSCRIBED, NOT_SUBSCRIBED, elapsed);
}

void remote_joined(struct connection *connection, uint32_t uid) {
    unsigned count = 0;
    struct remote **last = &connection->remotes;
    for (; *last != NULL; last = &(*last)->next) {
        count++;
    }
    if (uid == connection->uid || remote_find(connection, uid) != NULL || count >= MOST_REMOTES) {
        return;
    }
    struct remote *remote = calloc(1, sizeof *remote);
    if (remote != NULL) {
        remote->uid = uid;
        snprintf(remote->text, sizeof remote->text, "%u", uid);
        *last = remote;
        event_member(connection, ON_USER_JOINED, uid, 0);
        pthread_cond_signal(&library.audio_wanted); /* its silence may be asked for */
    }
}

void remote_published(struct connection *connection, uint32_t uid, bool published) {
    struct remote *remote = remote_find(connection, uid);
    if (remote == NULL || remote->published == published) {
        return;
    }
    remote->published = published;
    event_user(connection, ON_USER_INFO, uid, 0, INFO_MUTE_AUDIO, !published, 0);
    if (published) {
        subscribe(connection, remote);
        if (library.timing.ai_qos_missing) {
            event_capabilities(connection);
        }
    } else {
        unsubscribe(connection, remote, WHY_THEY_MUTED);
    }
}

void remote_left(struct connection *connection, uint32_t uid, int reason) {
    struct remote *remote = remote_find(connection, uid);
    if (remote != NULL) {
        unsubscribe(connection, remote, WHY_LEFT);
        event_member(connection, ON_USER_LEFT, uid, reason);
        remote->published = false;
        remote->gone = true;
        if (remote->audio.ready.size == 0 || !connection->on_audio.set) {
            remote_forget(connection, remote);
        }
    }
}

void remote_forget(struct connection *connection, struct remote *remote) {
    for (struct remote **at = &connection->remotes; *at != NULL; at = &(*at)->next) {
        if (*at == remote) {
            *at = remote->next;
            handle_end(remote->track);
            receive_buffer_free(&remote->audio);
            free(remote);
            return;
        }
    }
}

void remotes_clear(struct connection *connection) {
    while (connection->remotes != NULL) {
        remote_forget(connection, connection->remotes);
    }
}

void remotes_welcome(struct connection *connection, const struct json *members) {
    for (struct remote *remote = connection->remotes, *next; remote != NULL; remote = next) {
        next = remote->next;
        bool present = remote->gone;
        for (const struct json *member = members->items; member != NULL && !present; member = member->next) {
            present = member->type == JSON_OBJECT && json_integer(member, "uid", 0) == (int64_t)remote->uid;
        }
        if (!present) {
            remote_left(connection, remote->uid, LEFT_DROPPED);
        }
    }
    for (const struct json *member = members->items; member != NULL; member = member->next) {
        int64_t uid = member->type == JSON_OBJECT ? json_integer(member, "uid", 0) : 0;
        if (uid > 0 && uid <= UINT32_MAX) {
            remote_joined(connection, (uint32_t)uid);
            remote_published(connection, (uint32_t)uid, json_true(member, "published"));
        }
    }
}

bool remote_audio(struct connection *connection, const unsigned char *data, size_t size, int64_t now) {
    int16_t samples[960];
    size_t count = size < 12 ? 0 : (size - 12) / 2;
    if (count == 0 || size % 2 || count > sizeof samples / sizeof *samples) {
        return false;
    }
    uint32_t uid = 0;
    uint64_t position = 0;
    for (size_t i = 0; i < 4; i++) {
        uid |= (uint32_t)data[i] << 8 * i;
    }
    for (size_t i = 0; i < 8; i++) {
        position |= (uint64_t)data[4 + i] << 8 * i;
    }
    struct remote *remote = remote_find(connection, uid);
    if (remote == NULL || !remote->subscribed) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        samples[i] = (int16_t)(data[12 + 2 * i] | data[13 + 2 * i] << 8);
        int loud = samples[i] < 0 ? -samples[i] : samples[i];
        if (loud > remote->peak) {
            remote->peak = loud;
        }
    }
    if (!remote->heard) {
        int elapsed = elapsed_ms(connection);
        remote->heard = true;
        event_user(connection, ON_TRACK_STATE, uid, remote->track, TRACK_DECODING, WHY_THEY_UNMUTED, elapsed);
        event_user(connection, ON_FIRST_FRAME, uid, 0, elapsed, 0, 0);
        event_user(connection, ON_FIRST_DECODED, uid, 0, elapsed, 0, 0);
    }
    if (connection->on_audio.set) {
        receive_buffer_add(&remote->audio, position, samples, count, connection->room_rate_hz,
                           connection->playback_rate_hz, now);
    } else {
        receive_buffer_clear(&remote->audio);
    }
    return true;
}

/* Apply a change of what the program wants to hear. */
static void apply(struct connection *connection) {
    for (struct remote *remote = connection->remotes; remote != NULL; remote = remote->next) {
        if (!remote->gone && wanted(connection, remote->uid)) {
            subscribe(connection, remote);
        } else if (!remote->gone) {
            unsubscribe(connection, remote, WHY_WE_MUTED);
            receive_buffer_clear(&remote->audio);
        }
    }
}

void remotes_choose(struct connection *connection, uint32_t uid, bool hear) {
    struct choice *choice = connection->choices;
    unsigned count = 0;
    while (choice != NULL && choice->uid != uid) {
        choice = choice->next;
        count++;
    }
    if (choice == NULL) {
        choice = count < MOST_REMOTES ? calloc(1, sizeof *choice) : NULL;
        if (choice == NULL) {
            return;
        }
        choice->uid = uid;
        choice->next = connection->choices;
        connection->choices = choice;
    }
    choice->hear = hear;
    apply(connection);
}

void remotes_choose_all(struct connection *connection, bool hear) {
    while (connection->choices != NULL) {
        struct choice *next = connection->choices->next;
        free(connection->choices);
        connection->choices = next;
    }
    connection->all_subscribed = hear;
    apply(connection);
}
