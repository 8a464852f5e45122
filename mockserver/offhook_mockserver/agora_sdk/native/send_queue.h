/* The audio that a program pushed and that has not been played yet: kept as pushed, converted when it is taken. */
#ifndef OFFHOOK_AGORA_SEND_QUEUE_H
#define OFFHOOK_AGORA_SEND_QUEUE_H

#include "resample.h"

/* What Agora's tracks are created with by its Python layer: frames of 10 ms. */
#define SEND_QUEUE_MOST_FRAMES 100000

struct push;

struct send_queue {
    struct push *first, *last;
    uint64_t waiting; /* in 1/96000 s, of which every supported rate is a divisor */
    uint64_t most;
    struct resampler *resampler;
    struct samples ready; /* converted */
};

/* Whether audio may be pushed at this rate. */
bool send_queue_rate(unsigned rate_hz);

void send_queue_limit(struct send_queue *queue, int frames);

/* Add 16-bit samples, interleaved if there are two channels. Return AGORA_OK or an error. */
int send_queue_push(struct send_queue *queue, const void *data, size_t samples_per_channel, unsigned channels,
                    unsigned rate_hz);

/* Convert until `size` mono samples at `rate_hz` can be taken, or nothing waits; return how many can be taken. */
size_t send_queue_ready(struct send_queue *queue, int rate_hz, size_t size);

/* Take up to `size` mono samples at `rate_hz`; fewer are returned only if nothing waits. */
size_t send_queue_take(struct send_queue *queue, int rate_hz, int16_t *into, size_t size);

/* Whether nothing waits. */
bool send_queue_empty(const struct send_queue *queue);

/* Drop everything. */
void send_queue_clear(struct send_queue *queue);

/* Drop everything and free. */
void send_queue_free(struct send_queue *queue);

#endif
