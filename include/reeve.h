/* libreeve: the front door and the keeper of process-backed web apps, for Linux.
 *
 * Link with libreeve and its dependencies (pkg-config names them). Everything here may be called from one
 * thread only. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#define REEVE_PUBLIC __attribute__((visibility("default")))

/* An application built into the process. Applications come with a later version: pass NULL. */
struct reeve_app;

/* The whole of the reeve command: reads the arguments, runs the verb, returns the exit code (0 done, 1
 * failed, 2 bad configuration or usage, 3 already running, 4 port held by someone else, 5 no reeve running
 * for this configuration, 6 no such target).
 *
 * It executes its own program again for each gate (/proc/self/exe with a verb of its own), so call it
 * first thing in main() and hand argc and argv over unchanged. The program reeve-hold must lie beside the
 * executable or in ../libexec/reeve. */
REEVE_PUBLIC int reeve_main(int argc, char **argv, const struct reeve_app *app);

/* "0.1.0" */
REEVE_PUBLIC const char *reeve_version(void);

#ifdef __cplusplus
}
#endif
