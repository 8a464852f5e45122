/* What crosses the border to Agora's Python layer: layouts of structs and types of callbacks.
 *
 * They follow the ctypes declarations of agora-python-server-sdk 2.3.4 to 2.4.10, which agree on all that is used here.
 * Natural alignment makes them the same on x86_64 and aarch64.
 */
#ifndef OFFHOOK_AGORA_ABI_H
#define OFFHOOK_AGORA_ABI_H

#include <stddef.h>
#include <stdint.h>

#define AGORA_API __attribute__((visibility("default")))

/* Opaque to the caller, and never an address: see handles.h. */
typedef uintptr_t agora_handle;

struct agora_service_config {
    int enable_audio_processor;
    int enable_audio_device;
    int enable_video;
    void *context;
    const char *app_id;
    unsigned area_code;
    int channel_profile;
    int audio_scenario;
    int use_string_uid;
    int domain_limit;
    int log_level;
    const char *log_file_path;
    uint32_t log_file_size_kb;
    const char *data_dir;
    const char *config_dir;
};

struct agora_connection_config {
    int auto_subscribe_audio;
    int auto_subscribe_video;
    int enable_audio_recording_or_playout;
    int max_send_bitrate;
    int min_port;
    int max_port;
    int subscribe_packet_only;
    int subscribe_pcm_only;
    uint32_t subscribe_bytes_per_sample;
    uint32_t subscribe_channels;
    uint32_t subscribe_rate_hz;
    int client_role;
    int channel_profile;
    int receive_media_packet;
    int receive_encoded_frame;
    int receive_video_packet;
};

struct agora_connection_info {
    uint64_t id;
    const char *channel;
    int state;
    const char *local_uid;
    unsigned internal_uid;
};

struct agora_audio_frame {
    int type;
    int samples_per_channel;
    int bytes_per_sample;
    int channels;
    int samples_per_second;
    void *buffer;
    int64_t render_time_ms;
    int avsync_type;
    int64_t presentation_ms;
    int track_number;
    uint32_t rtp_timestamp;
    int far_field;
    int rms;
    int voice_probability;
    int music_probability;
    int pitch;
};

struct agora_volume {
    const char *uid;
    unsigned volume;
    unsigned vad;
    double pitch;
};

struct agora_capability_item {
    uint8_t id;
    const char *name;
};

struct agora_capability_items {
    struct agora_capability_item *items;
    size_t size;
};

struct agora_capability {
    struct agora_capability_items *items;
    int type;
};

_Static_assert(sizeof(void *) == 8, "Agora's Python layer runs on 64-bit systems only");
_Static_assert(sizeof(struct agora_service_config) == 88, "layout of the service's configuration");
_Static_assert(sizeof(struct agora_connection_config) == 64, "layout of a connection's configuration");
_Static_assert(sizeof(struct agora_connection_info) == 40, "layout of the information on a connection");
_Static_assert(sizeof(struct agora_audio_frame) == 88, "layout of an audio frame");
_Static_assert(sizeof(struct agora_volume) == 24, "layout of a volume");

/* An observer is a flat array of function pointers; these are the ones that this library calls. */
typedef void (*agora_callback)(void);

enum agora_connection_slot {
    ON_CONNECTED = 0,
    ON_DISCONNECTED = 1,
    ON_CONNECTING = 2,
    ON_RECONNECTING = 3,
    ON_RECONNECTED = 4,
    ON_CONNECTION_LOST = 5,
    ON_TOKEN_WILL_EXPIRE = 8,
    ON_TOKEN_DID_EXPIRE = 9,
    ON_CONNECTION_FAILURE = 11,
    ON_USER_JOINED = 12,
    ON_USER_LEFT = 13,
    ON_API_CALL_EXECUTED = 19,
    ON_ERROR = 22,
    CONNECTION_SLOTS = 31
};

enum agora_user_slot {
    ON_PUBLISH_SUCCESS = 0,
    ON_PUBLISH_START = 1,
    ON_UNPUBLISHED = 2,
    ON_SUBSCRIBED = 7,
    ON_TRACK_STATE = 8,
    ON_SUBSCRIBE_STATE = 9,
    ON_PUBLISH_STATE = 10,
    ON_FIRST_FRAME = 11,
    ON_FIRST_DECODED = 12,
    ON_VOLUME = 22,
    ON_USER_INFO = 31,
    USER_SLOTS = 37
};

enum agora_audio_slot { ON_FRAME_BEFORE_MIXING = 4, AUDIO_SLOTS = 10 };

enum agora_capabilities_slot { ON_CAPABILITIES = 0, CAPABILITIES_SLOTS = 1 };

/* Return values. */
enum {
    AGORA_OK = 0,
    AGORA_FAILED = -1,
    AGORA_BAD_ARGUMENT = -2,
    AGORA_UNSUPPORTED = -4,
    AGORA_NOT_INITIALIZED = -7,
    AGORA_BAD_STATE = -8,
    AGORA_NO_RESOURCES = -22,
    AGORA_BAD_APP_ID = -101,
    AGORA_PCM_FORMAT = -200,
    AGORA_PCM_OVERFLOW = -201
};

enum { ROLE_BROADCASTER = 1, ROLE_AUDIENCE = 2 };

/* States of a connection, and the reasons for a change. */
enum { STATE_DISCONNECTED = 1, STATE_CONNECTING = 2, STATE_CONNECTED = 3, STATE_RECONNECTING = 4, STATE_FAILED = 5 };

enum {
    REASON_CONNECTING = 0,
    REASON_JOINED = 1,
    REASON_INTERRUPTED = 2,
    REASON_BANNED = 3,
    REASON_GAVE_UP = 4,
    REASON_LEFT = 5,
    REASON_APP_ID = 6,
    REASON_CHANNEL = 7,
    REASON_TOKEN_INVALID = 8,
    REASON_TOKEN_EXPIRED = 9,
    REASON_REFUSED = 10,
    REASON_REJOINED = 15,
    REASON_SAME_UID = 19
};

#endif
