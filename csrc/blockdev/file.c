/* SPDX-License-Identifier: ISC
 *
 * file.c: a device in a file.
 *
 * The lock is flock's: it belongs to the open file, so that a second device in the same process is
 * refused as well, and it goes with the process, however that ends.
 */
#define _DEFAULT_SOURCE
#define _FILE_OFFSET_BITS 64

#include "blockdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    int fd;
    int read_only;
    int lost; /* a sync failed: what was written before it may be gone, whatever a later sync says */
    struct bd_geometry geometry;
    uint8_t *erased; /* one block of the erase value */
};

static off_t offset_of(const struct file *file, uint32_t block, uint32_t off) {
    return (off_t)block * (off_t)file->geometry.block_size + (off_t)off;
}

/* What a failed system call on an open file means to the device. */
static int code_of_errno(int error) {
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? BD_FULL : BD_IO;
}

static int file_read(void *self, uint32_t block, uint32_t off, void *ret_bytes, uint32_t size) {
    const struct file *file = self;
    off_t at = offset_of(file, block, off);
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(file->fd, (uint8_t *)ret_bytes + done, size - done, at + (off_t)done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return BD_IO; /* 0: somebody cut the file short under the device */
        }
        done += (size_t)n;
    }
    return BD_OK;
}

static int write_all(int fd, off_t at, const uint8_t *bytes, size_t size) {
    size_t done = 0;

    while (done < size) {
        ssize_t n = pwrite(fd, bytes + done, size - done, at + (off_t)done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return code_of_errno(errno);
        }
        done += (size_t)n;
    }
    return BD_OK;
}

static int file_prog(void *self, uint32_t block, uint32_t off, const void *bytes, uint32_t size) {
    const struct file *file = self;

    if (file->read_only) {
        return BD_READ_ONLY;
    }
    return write_all(file->fd, offset_of(file, block, off), bytes, size);
}

static int file_erase(void *self, uint32_t block) {
    const struct file *file = self;

    if (file->read_only) {
        return BD_READ_ONLY;
    }
    if (file->geometry.erase_value == BD_ERASE_NONE) {
        return BD_OK;
    }
    return write_all(file->fd, offset_of(file, block, 0), file->erased, file->geometry.block_size);
}

static int file_sync(void *self) {
    struct file *file = self;

    if (file->read_only) {
        return BD_OK;
    }
    if (file->lost) {
        return BD_IO;
    }
    while (fdatasync(file->fd) != 0) {
        if (errno == EINTR) {
            continue;
        }
        file->lost = 1;
        return code_of_errno(errno);
    }
    return BD_OK;
}

static void file_close(void *self) {
    struct file *file = self;

    if (file->fd >= 0) {
        (void)close(file->fd);
    }
    free(file->erased);
    free(file);
}

static const struct bd_ops file_ops = {file_read, file_prog, file_erase, file_sync, file_close};

/* The directory entry of a new file is durable only once its directory is. */
static int sync_parent(const char *path) {
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 1 : (size_t)(slash - path) + 1;
    char *parent = malloc(size + 1);
    int fd, failed;

    if (parent == NULL) {
        return BD_NO_MEMORY;
    }
    memcpy(parent, slash == NULL ? "." : path, size);
    parent[size] = 0;
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(parent);
    if (fd < 0) {
        return BD_SYSTEM;
    }
    failed = fsync(fd) != 0 && errno != EINVAL; /* some file systems cannot sync a directory */
    (void)close(fd);
    return failed ? BD_SYSTEM : BD_OK;
}

/* Fills a new file with what an erased device reads as. Written out, not left as a hole: a file system
 * that is too full says so now. */
static int fill_file(const struct file *file) {
    int code = BD_OK;

    for (uint32_t block = 0; code == BD_OK && block < file->geometry.block_count; block++) {
        code = write_all(file->fd, offset_of(file, block, 0), file->erased, file->geometry.block_size);
    }
    if (code == BD_OK && fsync(file->fd) != 0) {
        code = code_of_errno(errno);
    }
    return code == BD_IO ? BD_SYSTEM : code;
}

/* Checks the file's length against the geometry, and takes block_count from it where that is 0. */
static int take_length(struct file *file) {
    struct bd_geometry *g = &file->geometry;
    off_t length = lseek(file->fd, 0, SEEK_END);
    uint64_t blocks;

    if (length < 0) {
        return BD_SYSTEM;
    }
    blocks = (uint64_t)length / g->block_size;
    if ((uint64_t)length % g->block_size != 0 || blocks == 0 || blocks > INT32_MAX) {
        return BD_SIZE;
    }
    if (g->block_count == 0) {
        g->block_count = (uint32_t)blocks;
    }
    return g->block_count == blocks ? BD_OK : BD_SIZE;
}

/* Opens and locks the file; only regular files and block devices can be one. */
static int open_fd(struct file *file, const char *path, uint32_t flags) {
    int access = file->read_only ? O_RDONLY : O_RDWR;
    int create = (flags & BD_FILE_CREATE) != 0 ? O_CREAT | O_EXCL : 0;
    struct stat status;

    file->fd = open(path, access | create | O_CLOEXEC | O_NONBLOCK, 0666);
    if (file->fd < 0 || fstat(file->fd, &status) != 0) {
        return BD_SYSTEM;
    }
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : ENOTBLK;
        return BD_SYSTEM;
    }
    if (flock(file->fd, (file->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? BD_LOCKED : BD_SYSTEM;
    }
    return BD_OK;
}

static int open_file(struct file *file, const char *path, uint32_t flags) {
    int code = open_fd(file, path, flags);

    if (code != BD_OK) {
        return code;
    }
    if ((flags & BD_FILE_CREATE) == 0) {
        return take_length(file);
    }
    code = fill_file(file);
    if (code == BD_OK) {
        code = sync_parent(path);
    }
    if (code != BD_OK) {
        int error = errno;

        (void)unlink(path); /* ours: O_EXCL made it */
        errno = error;
    }
    return code;
}

static int check_arguments(uint32_t flags, const struct bd_geometry *geometry) {
    struct bd_geometry shape = *geometry;

    if ((flags & ~(uint32_t)(BD_FILE_READ_ONLY | BD_FILE_CREATE)) != 0) {
        return BD_RANGE;
    }
    if ((flags & BD_FILE_CREATE) != 0) {
        if ((flags & BD_FILE_READ_ONLY) != 0) {
            return BD_RANGE;
        }
    } else if (shape.block_count == 0) {
        shape.block_count = 1; /* to be taken from the file */
    }
    return bd_geometry_check(&shape);
}

static struct file *file_new(uint32_t flags, const struct bd_geometry *geometry) {
    struct file *file = calloc(1, sizeof(*file));

    if (file == NULL) {
        return NULL;
    }
    file->fd = -1;
    file->read_only = (flags & BD_FILE_READ_ONLY) != 0;
    file->geometry = *geometry;
    file->erased = calloc(1, geometry->block_size);
    if (file->erased == NULL) {
        free(file);
        return NULL;
    }
    if (geometry->erase_value > 0) {
        memset(file->erased, geometry->erase_value, geometry->block_size);
    }
    return file;
}

int bd_file_open(const char *path, uint32_t flags, const struct bd_geometry *geometry, struct bd *ret_dev,
                 int *ret_errno) {
    int code = check_arguments(flags, geometry);
    struct file *file;

    if (code != BD_OK) {
        return code;
    }
    file = file_new(flags, geometry);
    if (file == NULL) {
        return BD_NO_MEMORY;
    }
    code = open_file(file, path, flags);
    if (code != BD_OK) {
        int error = errno;

        if (ret_errno != NULL && (code == BD_SYSTEM || code == BD_FULL)) {
            *ret_errno = error;
        }
        file_close(file);
        return code;
    }
    *ret_dev = (struct bd){&file_ops, file, file->geometry};
    return BD_OK;
}
