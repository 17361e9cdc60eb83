/* The ancillary data of sendmsg(2) and recvmsg(2), in one place (cmsg(3), unix(7) SCM_RIGHTS). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

#include "link/record.h"

/* The union aligns the buffer as cmsg(3) demands. */
union control {
    char bytes[CMSG_SPACE(sizeof(int) * RECORD_MOST_DESCRIPTORS)];
    struct cmsghdr aligned;
};

int record_send(int fd, const struct record *record)
{
    CHECK(record->count >= 0 && record->count <= RECORD_MOST_DESCRIPTORS);
    union control control = {0};
    struct iovec piece = {(void *)(uintptr_t)record->bytes.data, record->bytes.size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (record->count > 0) {
        size_t size = sizeof(int) * (size_t)record->count;
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), record->descriptors, size);
    }
    ssize_t count;
    do
        count = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : 0;
}

static void take_descriptors(struct msghdr *message, struct record *record)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t size = header->cmsg_len - CMSG_LEN(0);
        CHECK((size_t)record->count * sizeof(int) + size <= sizeof record->descriptors);
        memcpy(record->descriptors + record->count, CMSG_DATA(header), size);
        record->count += (int)(size / sizeof(int));
    }
}

ssize_t record_receive(int fd, void *memory, size_t size, struct record *record)
{
    union control control;
    struct iovec piece = {memory, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    record->count = 0;
    ssize_t count;
    do
        count = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    take_descriptors(&message, record);
    record->bytes = slice_of(memory, (size_t)count);
    bool whole = !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
    if (whole && count > 0)
        return count;
    record_close_descriptors(record->descriptors, record->count);
    record->count = 0;
    return whole ? 0 : -EPROTO;
}

void record_close_descriptors(int *descriptors, int count)
{
    for (int i = 0; i < count; i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
        descriptors[i] = -1;
    }
}
