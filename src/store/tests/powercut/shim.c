/* Records what a process does to the files below a directory, for the power-cut test. Loaded with LD_PRELOAD.
 *
 *   POWERCUT_ROOT   absolute path of the directory
 *   POWERCUT_LOG    where records are appended
 *
 * A record: kind (1 byte), inode (8), number (8), length (8), then as many bytes; numbers in the machine's order.
 *
 *   C created a file: number 0, bytes = path       M made a directory: bytes = path
 *   W wrote: number = offset, bytes = content      T cut or grew: number = size
 *   B a sync began: number = its id                E that sync ended without error
 *   R renamed: bytes = from NUL to                 U unlinked: bytes = path
 *   A wrote to standard output: bytes
 *
 * Changes are made and recorded under one lock, so that the order of records is the order of changes. Syncs run
 * outside of it: a sync covers what was recorded before its B, from its E on. sync_file_range is not recorded: it makes
 * nothing durable.
 *
 * SIGUSR1 ends the process as SIGKILL would, at its next change and before making it. A kill from outside can fall between
 * a change and its record: the next session would build on something that the replay knows nothing of.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static size_t root_length;
static int log_fd = -1;
static uint64_t syncs;

#define MAX_TRACKED 4096
static ino_t tracked[MAX_TRACKED];
static size_t tracked_count;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t (*real_write)(int, const void *, size_t);

static volatile sig_atomic_t dying;

static void die_soon(int signal) {
    (void)signal;
    dying = 1;
}

/* Takes the lock for a change. */
static void begin(void) {
    pthread_mutex_lock(&lock);
    if (dying) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
}

static void write_all(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        ssize_t n = real_write(log_fd, at, length);
        if (n <= 0) abort();
        at += n;
        length -= (size_t)n;
    }
}

__attribute__((constructor)) static void start(void) {
    real_write = REAL(write);
    root = getenv("POWERCUT_ROOT");
    const char *log = getenv("POWERCUT_LOG");
    if (!root || !log) abort();
    root_length = strlen(root);
    log_fd = REAL(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log_fd < 0) abort();
    struct sigaction action = {.sa_handler = die_soon, .sa_flags = SA_RESTART};
    if (sigaction(SIGUSR1, &action, 0) != 0) abort();
}

static int below(const char *path) {
    return log_fd >= 0 && strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == 0);
}

static void record(char kind, uint64_t inode, uint64_t number, const void *bytes, uint64_t length) {
    char head[25];
    head[0] = kind;
    memcpy(head + 1, &inode, 8);
    memcpy(head + 9, &number, 8);
    memcpy(head + 17, &length, 8);
    write_all(head, sizeof head);
    write_all(bytes, length);
}

static ino_t inode_of(int fd) {
    struct stat about;
    return fstat(fd, &about) == 0 ? about.st_ino : 0;
}

static void track(ino_t inode) {
    for (size_t i = 0; i < tracked_count; i++)
        if (tracked[i] == inode) return;
    if (tracked_count == MAX_TRACKED) abort();
    tracked[tracked_count++] = inode;
}

static ino_t tracked_inode(int fd) {
    ino_t inode = inode_of(fd);
    for (size_t i = 0; i < tracked_count; i++)
        if (tracked[i] == inode) return inode;
    return 0;
}

static int opened(const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = REAL(open);
    if (!below(path)) return real(path, flags, mode);
    begin();
    int existed = access(path, F_OK) == 0;
    int fd = real(path, flags, mode);
    if (fd >= 0) {
        ino_t inode = inode_of(fd);
        track(inode);
        if (!existed) record('C', inode, 0, path, strlen(path));
        else if (flags & O_TRUNC) record('T', inode, 0, "", 0);
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define MODE                                  \
    mode_t mode = 0;                          \
    if (flags & (O_CREAT | __O_TMPFILE)) {    \
        va_list arguments;                    \
        va_start(arguments, flags);           \
        mode = va_arg(arguments, mode_t);     \
        va_end(arguments);                    \
    }

int open(const char *path, int flags, ...) {
    MODE
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE
    return opened(path, flags, mode);
}

static ssize_t wrote(int fd, const void *bytes, size_t length, off_t offset, int positioned) {
    ssize_t (*real)(int, const void *, size_t, off_t) = positioned ? REAL(pwrite) : 0;
    if (log_fd < 0 || fd == log_fd)
        return positioned ? real(fd, bytes, length, offset) : real_write(fd, bytes, length);
    begin();
    ssize_t n = positioned ? real(fd, bytes, length, offset) : real_write(fd, bytes, length);
    int error = errno;
    if (n > 0) {
        if (fd == 1) {
            record('A', 0, 0, bytes, (uint64_t)n);
        } else {
            ino_t inode = tracked_inode(fd);
            if (inode) {
                off_t at = positioned ? offset : lseek(fd, 0, SEEK_CUR) - n;
                record('W', inode, (uint64_t)at, bytes, (uint64_t)n);
            }
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return n;
}

ssize_t write(int fd, const void *bytes, size_t length) { return wrote(fd, bytes, length, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return wrote(fd, bytes, length, offset, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return wrote(fd, bytes, length, offset, 1); }

static int cut(int fd, off_t size) {
    begin();
    int result = REAL(ftruncate)(fd, size);
    int error = errno;
    ino_t inode = tracked_inode(fd);
    if (result == 0 && inode) record('T', inode, (uint64_t)size, "", 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off_t size) { return cut(fd, size); }

static int synced(int fd, int (*real)(int)) {
    begin();
    ino_t inode = tracked_inode(fd);
    uint64_t id = ++syncs;
    if (inode) record('B', inode, id, "", 0);
    pthread_mutex_unlock(&lock);
    int result = real(fd);
    int error = errno;
    if (inode && result == 0) {
        pthread_mutex_lock(&lock);
        record('E', inode, id, "", 0);
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return result;
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int rename(const char *from, const char *to) {
    begin();
    int result = REAL(rename)(from, to);
    int error = errno;
    if (result == 0 && below(from) && below(to)) {
        char both[8192];
        size_t a = strlen(from), b = strlen(to);
        if (a + b + 1 > sizeof both) abort();
        memcpy(both, from, a + 1);
        memcpy(both + a + 1, to, b);
        record('R', 0, 0, both, a + 1 + b);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int unlink(const char *path) {
    begin();
    int result = REAL(unlink)(path);
    int error = errno;
    if (result == 0 && below(path)) record('U', 0, 0, path, strlen(path));
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int mkdir(const char *path, mode_t mode) {
    begin();
    int result = REAL(mkdir)(path, mode);
    int error = errno;
    struct stat about;
    if (result == 0 && below(path) && stat(path, &about) == 0) {
        track(about.st_ino);
        record('M', about.st_ino, 0, path, strlen(path));
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
