#include "playback.h"

#include <string.h>
#include <time.h>

#include "events.h"
#include "misuse.h"
#include "remotes.h"
#include "threads.h"

#define TICK_NS (FRAME_MS * MS_NS)
/* Of one talker: what waits beyond this is handed over at once, so that a delay does not stay. */
#define MOST_WAITING_FRAMES 3
/* Talkers that are served in one tick. */
#define MOST_TALKERS 4096
/* A thread that was held up for longer does not make up for the ticks that it missed. */
#define MOST_LATE_NS (100 * MS_NS)

struct talker {
    agora_handle connection;
    uint32_t uid;
    bool gone;
    unsigned frames;
};

static struct remote *find(struct connection *connection, const struct talker *talker) {
    struct remote *remote = connection->remotes;
    while (remote != NULL && (remote->uid != talker->uid || remote->gone != talker->gone)) {
        remote = remote->next;
    }
    return remote;
}

/* Silence goes to the observer too, if that is asked for. */
static bool idles(const struct connection *connection, const struct remote *remote) {
    return library.timing.idle_frames && remote->subscribed && connection->phase == PHASE_JOINED;
}

static size_t find_talkers(struct talker *talkers, int64_t now) {
    size_t count = 0;
    for (struct connection *connection = library.connections; connection != NULL; connection = connection->next) {
        for (struct remote *remote = connection->remotes, *next; remote != NULL; remote = next) {
            next = remote->next;
            size_t waiting = 0;
            if (receive_buffer_has_frame(&remote->audio, now)) {
                waiting = remote->audio.ready.size / receive_buffer_frame(&remote->audio);
            }
            if (waiting == 0 && remote->gone) {
                remote_forget(connection, remote);
            } else if (count < MOST_TALKERS && connection->on_audio.set && (waiting || idles(connection, remote))) {
                unsigned frames = waiting > MOST_WAITING_FRAMES ? (unsigned)waiting - MOST_WAITING_FRAMES + 1 : 1;
                talkers[count++] = (struct talker){connection->self, remote->uid, remote->gone, frames};
            }
        }
    }
    return count;
}

typedef int (*frame_function)(agora_handle, const char *, const char *, struct agora_audio_frame *);

/* Hand over one frame of a talker; called under the lock, which it leaves meanwhile. Return false if there is none. */
static bool hand_over(const struct talker *talker) {
    struct connection *connection = handle_get(talker->connection, HANDLE_CONNECTION);
    struct remote *remote = connection != NULL ? find(connection, talker) : NULL;
    if (remote == NULL || !connection->on_audio.set) {
        return false;
    }
    int16_t mono[480] = {0}, stereo[960];
    char channel[MOST_CHANNEL + 1], uid[12];
    size_t frame = (size_t)connection->playback_rate_hz / 100;
    size_t size = receive_buffer_frame(&remote->audio);
    if (size == frame && remote->audio.ready.size >= frame) {
        receive_buffer_take(&remote->audio, mono);
    } else if (size != frame) {
        receive_buffer_clear(&remote->audio); /* the rate was changed in between */
    } else if (!idles(connection, remote)) {
        return false;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < frame; i++) {
        if (connection->playback_volume != 100) {
            int value = mono[i] * connection->playback_volume / 100;
            mono[i] = (int16_t)(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
        }
        sum += (int64_t)mono[i] * mono[i];
        stereo[2 * i] = stereo[2 * i + 1] = mono[i];
    }
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    struct agora_audio_frame out = {
        .samples_per_channel = (int)frame,
        .bytes_per_sample = 2,
        .channels = connection->playback_channels,
        .samples_per_second = connection->playback_rate_hz,
        .buffer = connection->playback_channels == 2 ? stereo : mono,
        .render_time_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
        .presentation_ms = (int64_t)remote->delivered * 1000 / connection->playback_rate_hz,
        .rtp_timestamp = remote->delivered,
        /* Enough of Agora's label generator for a program that looks whether anyone speaks. */
        .voice_probability = sum / (int64_t)frame > 10000,
    };
    remote->delivered += (uint32_t)frame;
    memcpy(channel, connection->channel, sizeof channel);
    memcpy(uid, remote->text, sizeof uid);
    agora_handle user = connection->user;
    agora_callback call;
    if (!observer_enter(connection, &connection->on_audio, ON_FRAME_BEFORE_MIXING, &call)) {
        return false;
    }
    int result = ((frame_function)call)(user, channel, uid, &out);
    lock();
    connection = handle_get(talker->connection, HANDLE_CONNECTION);
    observer_left(connection != NULL ? &connection->on_audio : NULL);
    /* Python's None arrives as a number of chance. */
    if (result != 0 && result != 1) {
        misuse(connection, MISUSE_CALLBACK_RESULT,
               "on_playback_audio_frame_before_mixing() returned None or raised an error, and must return 1 or 0");
    }
    return true;
}

static bool any_listener(void) {
    for (const struct connection *one = library.connections; one != NULL; one = one->next) {
        if (one->on_audio.set && one->remotes != NULL) {
            return true;
        }
    }
    return false;
}

void *playback_run(void *nothing) {
    (void)nothing;
    static struct talker talkers[MOST_TALKERS]; /* of this thread alone: there is one at a time */
    thread_name("agora-audio");
    own_role = ROLE_AUDIO;
    lock();
    int64_t next = now_ns();
    while (!library.stopping) {
        if (!any_listener()) {
            pthread_cond_wait(&library.audio_wanted, &library.lock);
            next = now_ns();
            continue;
        }
        size_t count = find_talkers(talkers, now_ns());
        for (size_t i = 0; i < count && !library.stopping; i++) {
            while (talkers[i].frames > 0 && hand_over(&talkers[i])) {
                talkers[i].frames--;
            }
        }
        next += TICK_NS;
        int64_t pause = next - now_ns();
        if (pause < -MOST_LATE_NS) {
            next = now_ns();
        }
        if (pause > 0) {
            struct timespec sleep = {0, (long)pause};
            unlock();
            nanosleep(&sleep, NULL);
            lock();
        }
    }
    unlock();
    return NULL;
}
