/* The audio thread: hands over what others say, in frames of 10 ms. */
#ifndef OFFHOOK_AGORA_PLAYBACK_H
#define OFFHOOK_AGORA_PLAYBACK_H

void *playback_run(void *nothing);

#endif
