#include "speech.h"

#include <string.h>

#include "events.h"

/* A message of the door. */
#define MESSAGE_MS 20
/* How long a message waits to be filled, before what is there is sent. */
#define PATIENCE_NS (FRAME_MS * MS_NS)
/* A voice that resumes within this time goes on where it stopped; after more, the pause counts. */
#define PAUSE_NS (60 * MS_NS)
/* A thread that was held up for longer does not hurry to make up for it. */
#define MOST_LATE_NS (200 * MS_NS)
/* Audio that the network does not take is dropped beyond this, in bytes. */
#define MOST_UNSENT (64 * 1024)

enum { NOT_PUBLISHED = 1, PUBLISHING = 2, PUBLISHED = 3 };

static struct track *published_track(const struct connection *connection) {
    return handle_get(connection->published, HANDLE_TRACK);
}

static void announce(struct connection *connection) {
    if (connection->announced || connection->phase != PHASE_JOINED || published_track(connection) == NULL) {
        return;
    }
    int elapsed = (int)((now_ns() - connection->started_ns) / MS_NS);
    connection->announced = true;
    event_user(connection, ON_PUBLISH_START, 0, connection->published, 0, 0, 0);
    event_user(connection, ON_PUBLISH_STATE, 0, 0, NOT_PUBLISHED, PUBLISHING, elapsed);
    event_user(connection, ON_PUBLISH_SUCCESS, 0, connection->published, 0, 0, 0);
    event_user(connection, ON_PUBLISH_STATE, 0, 0, PUBLISHING, PUBLISHED, elapsed);
}

static void fall_silent(struct connection *connection) {
    connection->speaking = false;
    if (connection->voiced && connection->phase == PHASE_JOINED) {
        static const char text[] = "{\"type\":\"unpublish\"}";
        websocket_send(connection->ws, WEBSOCKET_TEXT, text, sizeof text - 1);
        wake_net();
    }
    connection->voiced = false;
}

void speech_publish(struct connection *connection, agora_handle handle) {
    if (connection->published != 0 && connection->published != handle) {
        fall_silent(connection);
        if (connection->announced) {
            connection->announced = false;
            event_user(connection, ON_UNPUBLISHED, 0, connection->published, 0, 0, 0);
            event_user(connection, ON_PUBLISH_STATE, 0, 0, PUBLISHED, NOT_PUBLISHED, 0);
        }
        struct track *track = published_track(connection);
        struct sender *sender = track != NULL ? handle_get(track->sender, HANDLE_SENDER) : NULL;
        if (sender != NULL && track->direct) {
            send_queue_clear(&sender->queue);
        }
    }
    connection->published = handle;
    announce(connection);
    wake_net();
}

void speech_joined(struct connection *connection) {
    announce(connection);
}

void speech_changed(struct connection *connection) {
    struct track *track = published_track(connection);
    if (track == NULL || !track->enabled) {
        fall_silent(connection);
    }
    wake_net();
}

static uint64_t elapsed_samples(const struct connection *connection, int64_t now) {
    int64_t elapsed = now - connection->speech_ns;
    return elapsed > 0 ? (uint64_t)(elapsed / 1000) * (uint64_t)connection->room_rate_hz / 1000000 : 0;
}

/* Begin a spurt, or go on after being held up: positions say how much time passed without audio. */
static void resume(struct connection *connection, int64_t now) {
    if (connection->speech_ns == 0) {
        connection->speech_ns = now;
    }
    uint64_t elapsed = elapsed_samples(connection, now);
    uint64_t pause = (uint64_t)(PAUSE_NS / MS_NS) * (uint64_t)connection->room_rate_hz / 1000;
    if (connection->position + pause < elapsed) {
        connection->position = elapsed;
    }
    connection->due_ns = now;
    connection->partial_ns = 0;
}

static void send_message(struct connection *connection, const struct track *track, const int16_t *samples,
                         size_t size) {
    unsigned char message[12 + 2 * 960] = {0}; /* uid 0: our own */
    for (size_t i = 0; i < 8; i++) {
        message[4 + i] = (unsigned char)(connection->position >> 8 * i);
    }
    for (size_t i = 0; i < size; i++) {
        int value = samples[i];
        if (track->volume != 100) {
            value = value * track->volume / 100;
            value = value > 32767 ? 32767 : value < -32768 ? -32768 : value;
        }
        int loud = value < 0 ? -value : value;
        if (loud > connection->own_peak) {
            connection->own_peak = loud;
        }
        message[12 + 2 * i] = (unsigned char)value;
        message[13 + 2 * i] = (unsigned char)(value >> 8);
    }
    if (connection->phase == PHASE_JOINED && track->enabled && websocket_waiting(connection->ws) < MOST_UNSENT &&
        websocket_send(connection->ws, WEBSOCKET_BINARY, message, 12 + 2 * size)) {
        connection->voiced = true;
    }
    connection->position += size;
}

int64_t speech_turn(struct connection *connection, int64_t now) {
    struct track *track = published_track(connection);
    struct sender *sender = track != NULL ? handle_get(track->sender, HANDLE_SENDER) : NULL;
    /* Before the first welcome audio waits; while the connection is lost, and while the track is off, it is lost. */
    if (sender == NULL || !connection->joined_before || connection->phase == PHASE_IDLE) {
        return INT64_MAX;
    }
    if (!connection->speaking) {
        if (send_queue_empty(&sender->queue)) {
            return INT64_MAX;
        }
        connection->speaking = true;
        resume(connection, now);
    } else if (now - connection->due_ns > MOST_LATE_NS) {
        resume(connection, now);
    }
    int rate_hz = connection->room_rate_hz;
    size_t full = (size_t)(rate_hz * MESSAGE_MS / 1000);
    while (connection->due_ns <= now) {
        int16_t samples[960];
        size_t size = send_queue_ready(&sender->queue, rate_hz, full);
        if (size < full) {
            if (connection->partial_ns == 0) {
                connection->partial_ns = now;
            }
            if (now - connection->partial_ns < PATIENCE_NS) {
                return connection->partial_ns + PATIENCE_NS;
            }
        }
        size = send_queue_take(&sender->queue, rate_hz, samples, full);
        connection->partial_ns = 0;
        if (size == 0) {
            connection->speaking = false;
            return INT64_MAX;
        }
        send_message(connection, track, samples, size);
        connection->due_ns += (int64_t)size * 1000000000 / rate_hz;
    }
    return connection->due_ns;
}

int64_t volumes_turn(struct connection *connection, int64_t now) {
    if (connection->volume_interval_ms <= 0 || connection->phase != PHASE_JOINED) {
        return INT64_MAX;
    }
    if (now >= connection->volumes_ns) {
        struct agora_volume volumes[64];
        uint32_t uids[64];
        unsigned count = 0;
        int total = 0;
        for (struct remote *remote = connection->remotes; remote != NULL && count < 64; remote = remote->next) {
            if (remote->subscribed) {
                unsigned volume = (unsigned)remote->peak * 255 / 32768;
                volumes[count] = (struct agora_volume){.volume = volume};
                uids[count++] = remote->uid;
                total = (int)volume > total ? (int)volume : total;
            }
            remote->peak = 0;
        }
        event_volumes(connection, volumes, uids, count, total);
        if (connection->published != 0) {
            unsigned volume = (unsigned)connection->own_peak * 255 / 32768;
            struct agora_volume own = {.volume = volume, .vad = connection->volume_vad && volume > 8};
            uint32_t uid = 0;
            event_volumes(connection, &own, &uid, 1, (int)volume);
        }
        connection->own_peak = 0;
        connection->volumes_ns = now + connection->volume_interval_ms * MS_NS;
    }
    return connection->volumes_ns;
}
