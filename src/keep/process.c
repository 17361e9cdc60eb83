#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "keep/process.h"

int64_t process_prepare(void)
{
    struct rlimit files;
    int64_t before = 0;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        before = (int64_t)files.rlim_cur;
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return before;
}

unsigned process_workers(unsigned wanted, unsigned most, const struct log *log)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    wanted = wanted ? wanted : processors > 0 ? (unsigned)processors : 1;
    if (wanted <= most)
        return wanted;
    log_warning(log, "fewer gates than workers are started", LOG_NUMBER("workers", wanted),
                LOG_NUMBER("gates", most));
    return most;
}
