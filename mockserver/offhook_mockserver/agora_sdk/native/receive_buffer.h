/* What a talker said and has not been handed to the program yet, at the rate that the program asked for. */
#ifndef OFFHOOK_AGORA_RECEIVE_BUFFER_H
#define OFFHOOK_AGORA_RECEIVE_BUFFER_H

#include "resample.h"

struct receive_buffer {
    struct resampler *resampler;
    struct samples ready;
    uint64_t next_position; /* in the talker's numbering, after all that has arrived */
    int64_t arrived_ns;     /* the last audio; 0: none yet */
};

/* Add audio. Return false if memory is used up. */
bool receive_buffer_add(struct receive_buffer *buffer, uint64_t position, const int16_t *data, size_t size,
                        int from_hz, int to_hz, int64_t now_ns);

/* No more follows for now: complete the last frame with silence. */
void receive_buffer_end(struct receive_buffer *buffer);

/* Whether a frame of 10 ms is there. A frame that began and was not completed for 100 ms is completed with silence. */
bool receive_buffer_has_frame(struct receive_buffer *buffer, int64_t now_ns);

/* Take a frame of 10 ms: rate / 100 samples. */
void receive_buffer_take(struct receive_buffer *buffer, int16_t *into);

/* The samples of a frame of 10 ms. */
size_t receive_buffer_frame(const struct receive_buffer *buffer);

void receive_buffer_clear(struct receive_buffer *buffer);
void receive_buffer_free(struct receive_buffer *buffer);

#endif
