/* The network thread: sockets, timers, and the pace of sending. */
#ifndef OFFHOOK_AGORA_NET_H
#define OFFHOOK_AGORA_NET_H

void *net_run(void *nothing);

#endif
