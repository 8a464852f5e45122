/* The library's threads: their names, and what all three share. */
#ifndef OFFHOOK_AGORA_THREADS_H
#define OFFHOOK_AGORA_THREADS_H

/* Name the running thread. */
void thread_name(const char *name);

#endif
