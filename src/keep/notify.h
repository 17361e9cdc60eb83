/* Tells the service manager how we are: sd_notify(3)'s protocol, one datagram to $NOTIFY_SOCKET. */
#pragma once

/* "READY=1", "STOPPING=1", ... Does nothing without a service manager. */
void notify_send(const char *state);
