/* A disk that fails, for tests: preloaded into a program, it stands between that program and libc's file calls.
 *
 *   cc -shared -fPIC -O2 -o libfailing_disk.so failing_disk.c -ldl
 *   LD_PRELOAD=.../libfailing_disk.so FAILING_DISK=/path/to/rules program
 *
 * FAILING_DISK names a file of rules, one a line. It is read again whenever it was replaced (rename a new file over it), so
 * the rules can change while the program runs. An empty or missing file fails nothing.
 *
 *   fail CALLS ERROR PATH [after=N] [count=N] [chance=PERCENT] [seed=N]
 *   slow CALLS MILLISECONDS PATH
 *   lose PATH seed=N
 *
 * CALLS is a comma-separated list of: write (write, pwrite, writev, pwritev), sync (fsync, fdatasync, sync_file_range),
 * truncate (ftruncate), allocate (fallocate, posix_fallocate), create (open with O_CREAT of a file that is not there),
 * openw (open for writing), rename, unlink; or "all" for each of these. ERROR is ENOSPC, EIO, EDQUOT or EROFS. PATH is a
 * piece of the file's path: a rule holds for every path that contains it. after=N lets the first N matching calls through,
 * count=N fails only so many, chance fails that percentage of calls by a generator that starts from the seed.
 *
 * A failed sync does what Linux does: the pages stay in the cache, marked clean, and the next sync "succeeds" without them.
 *
 * lose keeps, for the files whose path contains PATH, what was written since their last good sync, and undoes a part of it
 * that the seed chooses when the process gets SIGUSR2: then it ends at once, as in a crash of the machine. A write of a failed
 * sync counts as not synced until it is written again. Renames and removals are not undone. With this rule the library must be
 * told from the start of the program.
 *
 * How often each rule struck is appended to "$FAILING_DISK.log" as one line: the number of the rule's line, call, path.
 * Threads are safe; a forked child reads the rules by itself. Memory that is mapped is not watched: SQLite's -shm is its cache.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, TRUNCATE = 4, ALLOCATE = 8, CREATE = 16, OPENW = 32, RENAME = 64, UNLINK = 128, ALL = 255 };
enum kind { FAIL, SLOW, LOSE };

struct rule {
  enum kind kind;
  int calls, error, line;
  long after, count, chance, milliseconds;
  uint64_t seed;
  char path[256];
};

#define RULES 32
static struct rule rules[RULES];
static int rule_count;
static struct timespec rules_time;
static ino_t rules_inode;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What was written and not synced, oldest first: what was there before, so that it can be put back. */
struct change {
  char path[256];
  off_t at, size_before;
  size_t length;
  char *before;
  struct change *next;
};
static struct change *first_change, *last_change;
static volatile sig_atomic_t any_lose;

static uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

static int raw_open(const char *path, int flags, int mode) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static int error_number(const char *name) {
  if (!strcmp(name, "ENOSPC")) return ENOSPC;
  if (!strcmp(name, "EDQUOT")) return EDQUOT;
  if (!strcmp(name, "EROFS")) return EROFS;
  return EIO;
}

static int calls_of(char *names) {
  static const struct { const char *name; int bit; } known[] = {
      {"write", WRITE}, {"sync", SYNC}, {"truncate", TRUNCATE}, {"allocate", ALLOCATE}, {"create", CREATE},
      {"openw", OPENW}, {"rename", RENAME}, {"unlink", UNLINK}, {"all", ALL}};
  int bits = 0;
  char *rest = NULL;
  for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (!strcmp(name, known[i].name)) bits |= known[i].bit;
  return bits;
}

static void parse(char *text) {
  rule_count = 0;
  any_lose = 0;
  char *rest = NULL;
  int number = 0;
  for (char *line = strtok_r(text, "\n", &rest); line && rule_count < RULES; line = strtok_r(NULL, "\n", &rest)) {
    number++;
    char kind[16] = "", calls[128] = "", what[32] = "", path[256] = "";
    struct rule rule = {.line = number, .count = LONG_MAX, .chance = 100, .seed = 1};
    if (sscanf(line, "fail %127s %31s %255s", calls, what, path) == 3) {
      rule.kind = FAIL;
      rule.error = error_number(what);
    } else if (sscanf(line, "slow %127s %31s %255s", calls, what, path) == 3) {
      rule.kind = SLOW;
      rule.milliseconds = atol(what);
    } else if (sscanf(line, "%15s %255s", kind, path) == 2 && !strcmp(kind, "lose")) {
      rule.kind = LOSE;
      any_lose = 1;
    } else {
      continue;
    }
    rule.calls = calls_of(calls);
    memcpy(rule.path, path, sizeof path);
    char *at;
    if ((at = strstr(line, " after="))) rule.after = atol(at + 7);
    if ((at = strstr(line, " count="))) rule.count = atol(at + 7);
    if ((at = strstr(line, " chance="))) rule.chance = atol(at + 8);
    if ((at = strstr(line, " seed="))) rule.seed = strtoull(at + 6, NULL, 10);
    rules[rule_count++] = rule;
  }
}

/* Reads the rules when their file is another one. Called with the lock held. */
static void refresh(void) {
  const char *path = getenv("FAILING_DISK");
  struct stat now;
  if (!path || syscall(SYS_newfstatat, AT_FDCWD, path, &now, 0) != 0) {
    rule_count = 0;
    rules_inode = 0;
    return;
  }
  if (now.st_ino == rules_inode && now.st_mtim.tv_sec == rules_time.tv_sec && now.st_mtim.tv_nsec == rules_time.tv_nsec)
    return;
  rules_inode = now.st_ino;
  rules_time = now.st_mtim;
  static char text[8192];
  int fd = raw_open(path, O_RDONLY, 0);
  long length = fd < 0 ? 0 : syscall(SYS_read, fd, text, sizeof text - 1);
  if (fd >= 0) syscall(SYS_close, fd);
  text[length > 0 ? length : 0] = 0;
  parse(text);
}

static void note(const struct rule *rule, const char *call, const char *path) {
  char name[PATH_MAX], line[PATH_MAX + 64];
  snprintf(name, sizeof name, "%s.log", getenv("FAILING_DISK"));
  int length = snprintf(line, sizeof line, "%d %s %s\n", rule->line, call, path);
  int fd = raw_open(name, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (fd < 0) return;
  syscall(SYS_write, fd, line, length);
  syscall(SYS_close, fd);
}

static const char *path_of(int fd, char *buffer) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_MAX - 1);
  buffer[length > 0 ? length : 0] = 0;
  return buffer;
}

/* The error that a call gets, or 0. Waits when a rule slows it. */
static int verdict(int call, const char *name, const char *path) {
  if (!getenv("FAILING_DISK")) return 0;
  long wait = 0;
  int error = 0;
  pthread_mutex_lock(&lock);
  refresh();
  for (int i = 0; i < rule_count && !error; i++) {
    struct rule *rule = &rules[i];
    if (rule->kind == LOSE || !(rule->calls & call) || !strstr(path, rule->path)) continue;
    if (rule->kind == SLOW) {
      wait += rule->milliseconds;
      continue;
    }
    if (rule->after > 0) {
      rule->after--;
      continue;
    }
    if (rule->count <= 0 || (long)(next_random(&rule->seed) % 100) >= rule->chance) continue;
    rule->count--;
    error = rule->error;
    note(rule, name, path);
  }
  pthread_mutex_unlock(&lock);
  if (wait) {
    struct timespec time = {wait / 1000, (wait % 1000) * 1000000};
    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, NULL);
  }
  return error;
}

static int fd_verdict(int call, const char *name, int fd) {
  char path[PATH_MAX];
  return getenv("FAILING_DISK") ? verdict(call, name, path_of(fd, path)) : 0;
}

/* Remembers what a write is about to replace. */
static void remember(int fd, off_t at, size_t length) {
  if (!any_lose) return;
  char path[PATH_MAX];
  path_of(fd, path);
  pthread_mutex_lock(&lock);
  int watched = 0;
  for (int i = 0; i < rule_count; i++) watched |= rules[i].kind == LOSE && strstr(path, rules[i].path) != NULL;
  struct stat now;
  struct change *change = watched && strlen(path) < 256 && fstat(fd, &now) == 0 ? calloc(1, sizeof *change) : NULL;
  if (change) {
    strcpy(change->path, path);
    change->at = at < 0 ? now.st_size : at;
    change->size_before = now.st_size;
    change->before = malloc(length ? length : 1);
    int reading = raw_open(path, O_RDONLY, 0);
    long got = reading < 0 ? 0 : syscall(SYS_pread64, reading, change->before, length, change->at);
    if (reading >= 0) syscall(SYS_close, reading);
    change->length = got > 0 ? (size_t)got : 0;
    if (last_change) last_change->next = change;
    else first_change = change;
    last_change = change;
  }
  pthread_mutex_unlock(&lock);
}

/* A good sync: nothing of this file can be lost any more. */
static void forget(int fd) {
  if (!any_lose) return;
  char path[PATH_MAX];
  path_of(fd, path);
  pthread_mutex_lock(&lock);
  struct change **link = &first_change;
  last_change = NULL;
  while (*link) {
    struct change *change = *link;
    if (!strcmp(change->path, path)) {
      *link = change->next;
      free(change->before);
      free(change);
    } else {
      last_change = change;
      link = &change->next;
    }
  }
  pthread_mutex_unlock(&lock);
}

/* The machine crashes: of what was not synced, a part is lost, newest first put back. */
static void crash(int signal) {
  (void)signal;
  uint64_t seed = 1;
  for (int i = 0; i < rule_count; i++)
    if (rules[i].kind == LOSE) seed = rules[i].seed;
  size_t count = 0;
  for (struct change *change = first_change; change; change = change->next) count++;
  struct change **all = count ? malloc(count * sizeof *all) : NULL;
  size_t n = 0;
  for (struct change *change = first_change; change; change = change->next) all[n++] = change;
  size_t kept = count ? next_random(&seed) % (count + 1) : 0;
  for (size_t i = count; i-- > kept;) {
    int fd = raw_open(all[i]->path, O_WRONLY, 0);
    if (fd < 0) continue;
    syscall(SYS_pwrite64, fd, all[i]->before, all[i]->length, all[i]->at);
    if (syscall(SYS_ftruncate, fd, all[i]->size_before)) { /* Nothing can be done about it. */ }
    syscall(SYS_close, fd);
  }
  _exit(137);
}

__attribute__((constructor)) static void begin(void) {
  pthread_mutex_lock(&lock);
  refresh();
  pthread_mutex_unlock(&lock);
  if (any_lose) signal(SIGUSR2, crash);
}

#define REAL(type, name, arguments) \
  static type(*real) arguments;     \
  if (!real) real = (type(*) arguments)dlsym(RTLD_NEXT, #name)
#define REFUSE(bit, name, fd)                 \
  do {                                        \
    int error = fd_verdict(bit, name, fd);    \
    if (error) { errno = error; return -1; }  \
  } while (0)

ssize_t write(int fd, const void *data, size_t length) {
  REAL(ssize_t, write, (int, const void *, size_t));
  REFUSE(WRITE, "write", fd);
  if (any_lose) remember(fd, lseek(fd, 0, SEEK_CUR), length);
  return real(fd, data, length);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
  REAL(ssize_t, pwrite64, (int, const void *, size_t, off64_t));
  REFUSE(WRITE, "pwrite", fd);
  remember(fd, at, length);
  return real(fd, data, length, at);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return pwrite64(fd, data, length, at); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, writev, (int, const struct iovec *, int));
  REFUSE(WRITE, "writev", fd);
  return real(fd, parts, count);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  REAL(ssize_t, pwritev64, (int, const struct iovec *, int, off64_t));
  REFUSE(WRITE, "pwritev", fd);
  return real(fd, parts, count, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

int fsync(int fd) {
  REAL(int, fsync, (int));
  REFUSE(SYNC, "fsync", fd);
  int done = real(fd);
  if (done == 0) forget(fd);
  return done;
}

int fdatasync(int fd) {
  REAL(int, fdatasync, (int));
  REFUSE(SYNC, "fdatasync", fd);
  int done = real(fd);
  if (done == 0) forget(fd);
  return done;
}

int ftruncate64(int fd, off64_t length) {
  REAL(int, ftruncate64, (int, off64_t));
  REFUSE(TRUNCATE, "ftruncate", fd);
  return real(fd, length);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int fallocate64(int fd, int mode, off64_t at, off64_t length) {
  REAL(int, fallocate64, (int, int, off64_t, off64_t));
  REFUSE(ALLOCATE, "fallocate", fd);
  return real(fd, mode, at, length);
}

int fallocate(int fd, int mode, off_t at, off_t length) { return fallocate64(fd, mode, at, length); }

int posix_fallocate64(int fd, off64_t at, off64_t length) {
  REAL(int, posix_fallocate64, (int, off64_t, off64_t));
  int error = fd_verdict(ALLOCATE, "posix_fallocate", fd);
  return error ? error : real(fd, at, length);
}

int posix_fallocate(int fd, off_t at, off_t length) { return posix_fallocate64(fd, at, length); }

static int open_verdict(const char *path, int flags) {
  if (!getenv("FAILING_DISK") || !(flags & (O_CREAT | O_WRONLY | O_RDWR))) return 0;
  struct stat there;
  int calls = (flags & (O_WRONLY | O_RDWR)) ? OPENW : 0;
  if ((flags & O_CREAT) && syscall(SYS_newfstatat, AT_FDCWD, path, &there, 0) != 0) calls |= CREATE;
  return calls ? verdict(calls, "open", path) : 0;
}

#define OPENING(path)                                                       \
  mode_t mode = 0;                                                          \
  if (flags & (O_CREAT | O_TMPFILE)) {                                      \
    va_list rest;                                                           \
    va_start(rest, flags);                                                  \
    mode = va_arg(rest, mode_t);                                            \
    va_end(rest);                                                           \
  }                                                                         \
  int error = open_verdict(path, flags);                                    \
  if (error) { errno = error; return -1; }

int open64(const char *path, int flags, ...) {
  REAL(int, open64, (const char *, int, ...));
  OPENING(path)
  return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  REAL(int, open64, (const char *, int, ...));
  OPENING(path)
  return real(path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
  REAL(int, openat64, (int, const char *, int, ...));
  OPENING(path)
  return real(folder, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
  REAL(int, openat64, (int, const char *, int, ...));
  OPENING(path)
  return real(folder, path, flags, mode);
}

int rename(const char *from, const char *to) {
  REAL(int, rename, (const char *, const char *));
  int error = verdict(RENAME, "rename", to);
  if (error) { errno = error; return -1; }
  return real(from, to);
}

int unlink(const char *path) {
  REAL(int, unlink, (const char *));
  int error = verdict(UNLINK, "unlink", path);
  if (error) { errno = error; return -1; }
  return real(path);
}
