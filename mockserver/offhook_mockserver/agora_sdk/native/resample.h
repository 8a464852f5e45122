/* Conversion of one talker's mono samples from one rate to another: a windowed sinc, and nothing at all at equal rates.
 *
 * The output is aligned with the input (sample 0 is sample 0): the converter looks ahead instead of delaying, so that
 * it holds back up to RESAMPLE_ZEROS samples of the lower rate until more arrives or `resampler_flush` is called.
 */
#ifndef OFFHOOK_AGORA_RESAMPLE_H
#define OFFHOOK_AGORA_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero crossings of the sinc on each side. */
#define RESAMPLE_ZEROS 24

/* A growing list of samples. */
struct samples {
    int16_t *data;
    size_t size, capacity;
};

bool samples_add(struct samples *samples, const int16_t *data, size_t size);
void samples_drop(struct samples *samples, size_t size);
void samples_free(struct samples *samples);

struct resampler;

/* Return NULL if memory is used up. */
struct resampler *resampler_new(int from_hz, int to_hz);
void resampler_free(struct resampler *resampler);

int resampler_from(const struct resampler *resampler);
int resampler_to(const struct resampler *resampler);

/* Convert; what can be computed now is appended to `into`. */
bool resampler_push(struct resampler *resampler, const int16_t *data, size_t size, struct samples *into);

/* Append the rest, as if silence followed, and begin anew. */
bool resampler_flush(struct resampler *resampler, struct samples *into);

#endif
