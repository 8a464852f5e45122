/* Drives the mock's native library from several threads, for ThreadSanitizer and AddressSanitizer.
 *
 * usage: driver APP_ID CHANNEL TOKEN ROUNDS; OFFHOOK_RELAY_URL names the mock. It prints what it heard, and ends with 0
 * if each connection joined, heard the other, and left.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi.h"

extern agora_handle agora_service_create(void);
extern int agora_service_initialize(agora_handle, const struct agora_service_config *);
extern int agora_service_release(agora_handle);
extern agora_handle agora_service_create_media_node_factory(agora_handle);
extern int agora_media_node_factory_destroy(agora_handle);
extern agora_handle agora_media_node_factory_create_audio_pcm_data_sender(agora_handle);
extern agora_handle agora_service_create_custom_audio_track_pcm(agora_handle, agora_handle);
extern int agora_audio_pcm_data_sender_send(agora_handle, const void *, uint32_t, int64_t, uint32_t, uint32_t, uint32_t,
                                            uint32_t);
extern void agora_audio_pcm_data_sender_destroy(agora_handle);
extern void agora_local_audio_track_destroy(agora_handle);
extern int agora_local_audio_track_clear_sender_buffer(agora_handle);
extern int agora_local_audio_track_set_enabled(agora_handle, int);
extern agora_handle agora_rtc_conn_create(agora_handle, const struct agora_connection_config *);
extern void agora_rtc_conn_destroy(agora_handle);
extern int agora_rtc_conn_connect(agora_handle, const char *, const char *, const char *);
extern int agora_rtc_conn_disconnect(agora_handle);
extern int agora_rtc_conn_register_observer(agora_handle, const void *);
extern int agora_rtc_conn_unregister_observer(agora_handle);
extern int agora_rtc_conn_renew_token(agora_handle, const char *);
extern agora_handle agora_rtc_conn_get_local_user(agora_handle);
extern int agora_local_user_register_observer(agora_handle, const void *);
extern int agora_local_user_unregister_observer(agora_handle);
extern int agora_local_user_register_audio_frame_observer(agora_handle, const void *);
extern int agora_local_user_unregister_audio_frame_observer(agora_handle);
extern int agora_local_user_set_playback_audio_frame_before_mixing_parameters(agora_handle, int, int);
extern int agora_local_user_set_audio_volume_indication_parameters(agora_handle, int, int, int);
extern int agora_local_user_publish_audio(agora_handle, agora_handle);
extern int agora_local_user_unpublish_audio(agora_handle, agora_handle);
extern unsigned offhook_agora_live_handles(void);
extern void offhook_agora_report(const char *, const char *);

#define THREADS 2
#define PATIENCE_MS 50000

static atomic_uint connected, heard, gone, failed, volumes;
static pthread_barrier_t together;
static const char *app_id, *channel, *token;
static agora_handle service, factory;

static void on_connected(agora_handle connection, struct agora_connection_info *info, int reason) {
    (void)connection;
    (void)reason;
    connected += info->internal_uid != 0 && strcmp(info->channel, channel) == 0;
}

static void on_disconnected(agora_handle connection, struct agora_connection_info *info, int reason) {
    (void)connection;
    (void)info;
    (void)reason;
    gone++;
}

static void on_failure(agora_handle connection, struct agora_connection_info *info, int reason) {
    (void)connection;
    (void)info;
    fprintf(stderr, "failure %d\n", reason);
    failed++;
}

static void on_volume(agora_handle user, struct agora_volume *entries, unsigned count, int total) {
    (void)user;
    (void)total;
    for (unsigned i = 0; i < count; i++) {
        volumes += entries[i].uid[0] != 0;
    }
}

static int on_frame(agora_handle user, const char *name, const char *uid, struct agora_audio_frame *frame) {
    const short *samples = frame->buffer;
    (void)user;
    heard += samples[frame->samples_per_channel - 1] == 100 && uid[0] && strcmp(name, channel) == 0;
    return 1;
}

static void sleep_ms(long ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static int until(atomic_uint *count, unsigned wanted) {
    for (int waited = 0; *count < wanted; waited += 5) {
        if (waited > PATIENCE_MS || failed) {
            return 0;
        }
        sleep_ms(5);
    }
    return 1;
}

static void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "not so: %s\n", what);
        exit(1);
    }
}

static void one_call(unsigned round, unsigned number) {
    agora_callback connection_observer[CONNECTION_SLOTS] = {0};
    agora_callback user_observer[USER_SLOTS] = {0};
    agora_callback audio_observer[AUDIO_SLOTS] = {0};
    connection_observer[ON_CONNECTED] = (agora_callback)on_connected;
    connection_observer[ON_DISCONNECTED] = (agora_callback)on_disconnected;
    connection_observer[ON_CONNECTION_FAILURE] = (agora_callback)on_failure;
    user_observer[ON_VOLUME] = (agora_callback)on_volume;
    audio_observer[ON_FRAME_BEFORE_MIXING] = (agora_callback)on_frame;
    struct agora_connection_config config = {.auto_subscribe_audio = 1};
    agora_handle connection = agora_rtc_conn_create(service, &config);
    agora_handle user = agora_rtc_conn_get_local_user(connection);
    agora_handle sender = agora_media_node_factory_create_audio_pcm_data_sender(factory);
    agora_handle track = agora_service_create_custom_audio_track_pcm(service, sender);
    agora_rtc_conn_register_observer(connection, connection_observer);
    agora_local_user_register_observer(user, user_observer);
    agora_local_user_set_playback_audio_frame_before_mixing_parameters(user, 1 + (int)number % 2, 16000);
    agora_local_user_register_audio_frame_observer(user, audio_observer);
    agora_local_user_set_audio_volume_indication_parameters(user, 20, 3, 1);
    check(agora_rtc_conn_connect(connection, token, channel, "0") == 0, "connect");
    agora_local_user_publish_audio(user, track);
    check(until(&connected, THREADS * (round + 1)), "connected");
    unsigned before = heard;
    unsigned rate_hz = number % 2 ? 16000 : 48000;
    short *samples = malloc(rate_hz * 2);
    for (unsigned i = 0; i < rate_hz; i++) {
        samples[i] = 100;
    }
    check(agora_audio_pcm_data_sender_send(sender, samples, 0, 0, rate_hz, 2, 1, rate_hz) == 0, "send");
    free(samples);
    check(until(&heard, before + 5), "heard");
    agora_local_audio_track_set_enabled(track, 0);
    agora_local_audio_track_set_enabled(track, 1);
    agora_rtc_conn_renew_token(connection, token);
    offhook_agora_report("a name", "a detail");
    agora_local_audio_track_clear_sender_buffer(track);
    agora_local_user_unpublish_audio(user, track);
    agora_local_user_unregister_audio_frame_observer(user);
    agora_local_user_unregister_observer(user);
    pthread_barrier_wait(&together);
    agora_rtc_conn_disconnect(connection);
    check(until(&gone, THREADS * (round + 1)), "disconnected");
    agora_rtc_conn_unregister_observer(connection);
    agora_rtc_conn_destroy(connection);
    agora_rtc_conn_disconnect(connection); /* too late: reported */
    agora_local_audio_track_destroy(track);
    agora_audio_pcm_data_sender_destroy(sender);
    pthread_barrier_wait(&together);
}

static unsigned rounds;

static void *run(void *number) {
    for (unsigned round = 0; round < rounds; round++) {
        one_call(round, (unsigned)(uintptr_t)number);
    }
    return NULL;
}

int main(int count, char **arguments) {
    check(count == 5, "usage: driver APP_ID CHANNEL TOKEN ROUNDS");
    app_id = arguments[1], channel = arguments[2], token = arguments[3];
    rounds = (unsigned)strtoul(arguments[4], NULL, 10);
    struct agora_service_config config = {.app_id = app_id};
    pthread_t threads[THREADS];
    pthread_barrier_init(&together, NULL, THREADS);
    service = agora_service_create();
    check(agora_service_initialize(service, &config) == 0, "initialize");
    factory = agora_service_create_media_node_factory(service);
    for (uintptr_t number = 0; number < THREADS; number++) {
        pthread_create(&threads[number], NULL, run, (void *)number);
    }
    for (int number = 0; number < THREADS; number++) {
        pthread_join(threads[number], NULL);
    }
    agora_service_release(service);
    agora_media_node_factory_destroy(factory);
    pthread_barrier_destroy(&together);
    check(offhook_agora_live_handles() == 0, "everything was freed");
    printf("heard %u frames, %u volumes\n", heard, volumes);
    return 0;
}
