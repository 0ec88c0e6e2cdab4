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
 * lose is a power cut. It keeps, for the files whose path contains PATH, what was written or cut off since their last good
 * sync. At SIGUSR2 every write stops, and of these changes a part that the seed chooses is lost, in any order, some of them
 * torn at a sector: a disk writes its cache back as it likes. Then the process ends as by SIGKILL. What a failed sync covered counts as not
 * synced until it is written again. Names are not undone: a file that was made, renamed or removed stays so, and one that got
 * its name before its bytes were synced may be empty. The rule must be there when the program starts.
 *
 * How often each rule struck is appended to "$FAILING_DISK.log" as one line: the number of the rule's line, call, path.
 * Threads are safe; a forked child reads the rules by itself. Memory that is mapped is not watched: SQLite's -shm is its cache.
 */
#define _GNU_SOURCE
#include <dirent.h>
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

/* A write, or a cut to a length, that was not synced. Oldest first. */
struct change {
  char path[256];
  ino_t file;
  uint64_t number;
  int is_cut;
  off_t at, size_before;
  size_t length;        /* of `data`: what was written; nothing for a cut, which leaves the file `at` bytes long */
  size_t length_before; /* of `before`: what was there */
  char *data, *before;
  struct change *next;
};
static struct change *first_change, *last_change;
static uint64_t last_number;
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

/* SQLite's -shm file is memory that it shares, and it makes it anew after a crash. */
static int is_mapped(const char *path) {
  size_t length = strlen(path);
  return length > 4 && !strcmp(path + length - 4, "-shm");
}

/* Whether a power cut may take what is written to this file. Called with the lock held. */
static int is_watched(const char *path) {
  for (int i = 0; i < rule_count; i++)
    if (rules[i].kind == LOSE && strstr(path, rules[i].path)) return strlen(path) < 256 && !is_mapped(path);
  return 0;
}

/* Remembers a change that is about to be made. Called with the lock held, which the change itself is made under: once the
 * power is cut nobody gets the lock again. `at` is negative for a write at the position of the descriptor. */
static void remember(int fd, off_t at, const void *data, size_t length, int is_cut) {
  char path[PATH_MAX];
  struct stat now;
  path_of(fd, path);
  if (!is_watched(path) || fstat(fd, &now) != 0 || !S_ISREG(now.st_mode)) return;
  struct change *change = calloc(1, sizeof *change);
  memcpy(change->path, path, strlen(path) + 1);
  change->file = now.st_ino;
  change->number = ++last_number;
  change->is_cut = is_cut;
  if (at < 0) at = fcntl(fd, F_GETFL) & O_APPEND ? now.st_size : lseek(fd, 0, SEEK_CUR);
  change->at = at;
  change->size_before = now.st_size;
  size_t replaced = is_cut ? (now.st_size > at ? (size_t)(now.st_size - at) : 0) : length;
  change->before = malloc(replaced ? replaced : 1);
  int reading = raw_open(path, O_RDONLY, 0);
  long got = reading < 0 ? 0 : syscall(SYS_pread64, reading, change->before, replaced, at);
  if (reading >= 0) syscall(SYS_close, reading);
  change->length_before = got > 0 ? (size_t)got : 0;
  change->length = is_cut ? 0 : length;
  change->data = malloc(length ? length : 1);
  if (!is_cut) memcpy(change->data, data, length);
  if (last_change) last_change->next = change;
  else first_change = change;
  last_change = change;
}

/* A good sync: what was written to this file before it began can not be lost any more. */
static void forget(int fd, uint64_t up_to) {
  struct stat now;
  if (fstat(fd, &now) != 0) return;
  pthread_mutex_lock(&lock);
  struct change **link = &first_change;
  last_change = NULL;
  while (*link) {
    struct change *change = *link;
    if (change->file == now.st_ino && change->number <= up_to) {
      *link = change->next;
      free(change->before);
      free(change->data);
      free(change);
    } else {
      last_change = change;
      link = &change->next;
    }
  }
  pthread_mutex_unlock(&lock);
}

/* Opens the file of a change, which may have another name in its folder by now. -1 when it is gone. */
static int open_changed(const struct change *change) {
  struct stat now;
  int fd = raw_open(change->path, O_RDWR, 0);
  if (fd >= 0 && fstat(fd, &now) == 0 && now.st_ino == change->file) return fd;
  if (fd >= 0) syscall(SYS_close, fd);
  char folder[PATH_MAX], path[PATH_MAX + 257];
  memcpy(folder, change->path, sizeof change->path);
  char *slash = strrchr(folder, '/');
  if (!slash) return -1;
  *slash = 0;
  DIR *names = opendir(folder);
  if (!names) return -1;
  fd = -1;
  for (struct dirent *name = readdir(names); name && fd < 0; name = readdir(names))
    if (name->d_ino == change->file) {
      snprintf(path, sizeof path, "%s/%s", folder, name->d_name);
      fd = raw_open(path, O_RDWR, 0);
    }
  closedir(names);
  return fd;
}

static void put(int fd, const char *data, size_t length, off_t at) {
  if (length && syscall(SYS_pwrite64, fd, data, length, at) < 0) { /* Nothing can be done about it. */ }
}

static void cut(int fd, off_t length) {
  if (syscall(SYS_ftruncate, fd, length)) { /* Nothing can be done about it. */ }
}

#define SECTOR 512

/* The power is cut: every change that was not synced is taken back, newest first, and those that the disk had written of its
 * own accord are made again, whole or up to a sector. Called with the lock held. */
static void lose(void) {
  uint64_t seed = 1;
  for (int i = 0; i < rule_count; i++)
    if (rules[i].kind == LOSE) seed = rules[i].seed;
  size_t count = 0;
  for (struct change *change = first_change; change; change = change->next) count++;
  struct change **all = malloc((count + 1) * sizeof *all);
  size_t n = 0;
  for (struct change *change = first_change; change; change = change->next) all[n++] = change;
  for (size_t i = count; i-- > 0;) {
    int fd = open_changed(all[i]);
    if (fd < 0) continue;
    put(fd, all[i]->before, all[i]->length_before, all[i]->at);
    cut(fd, all[i]->size_before);
    syscall(SYS_close, fd);
  }
  size_t lost = 0, torn = 0;
  uint64_t chance = next_random(&seed) % 101;
  for (size_t i = 0; i < count; i++) {
    uint64_t kept = next_random(&seed) % 100 < chance, whole = next_random(&seed) % 4;
    uint64_t sectors = next_random(&seed) % (all[i]->length / SECTOR + 1);
    int fd = kept ? open_changed(all[i]) : -1;
    lost += !kept;
    if (fd < 0) continue;
    torn += !whole && !all[i]->is_cut;
    if (all[i]->is_cut) cut(fd, all[i]->at);
    else put(fd, all[i]->data, whole ? all[i]->length : sectors * SECTOR, all[i]->at);
    syscall(SYS_close, fd);
  }
  char line[128];
  snprintf(line, sizeof line, "%zu changes were not synced: %zu lost, %zu torn", count, lost, torn);
  struct rule rule = {.line = 0};
  note(&rule, "power-cut", line);
}

static char state_of(pid_t process) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", process);
  int fd = raw_open(path, O_RDONLY, 0);
  long length = fd < 0 ? 0 : syscall(SYS_read, fd, text, sizeof text - 1);
  if (fd >= 0) syscall(SYS_close, fd);
  text[length > 0 ? length : 0] = 0;
  const char *end = strrchr(text, ')');
  return end && end[1] ? end[2] : 0;
}

/* Waits for the signal in a thread of its own. A child then takes the changes back, while the whole process stands still: a
 * thread that went on would read what is being taken back, and tell others of it. */
static void *wait_for_power_cut(void *unused) {
  (void)unused;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR2);
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {}
  pthread_mutex_lock(&lock);
  pid_t program = getpid();
  if (fork() == 0) {
    /* Locks and sockets end with the program. */
    syscall(SYS_close_range, 3, ~0U, 0);
    while (state_of(program) != 'T') usleep(100);
    lose();
    kill(program, SIGKILL);
    _exit(0);
  }
  kill(program, SIGSTOP);
  for (;;) pause();
}

__attribute__((constructor)) static void begin(void) {
  pthread_mutex_lock(&lock);
  refresh();
  pthread_mutex_unlock(&lock);
  if (!any_lose) return;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR2);
  pthread_t thread;
  /* Blocked here, it is blocked in all threads that the program begins. */
  if (pthread_sigmask(SIG_BLOCK, &signals, NULL) || pthread_create(&thread, NULL, wait_for_power_cut, NULL)) _exit(136);
}

/* Makes a change with the lock held, so that none is made after a power cut that was not remembered before. */
#define CHANGING(fd, at, data, length, is_cut, call)                    \
  do {                                                                  \
    if (!any_lose) return call;                                         \
    pthread_mutex_lock(&lock);                                          \
    remember(fd, at, data, length, is_cut);                             \
    typeof(call) done = call;                                           \
    int error = errno;                                                  \
    pthread_mutex_unlock(&lock);                                        \
    errno = error;                                                      \
    return done;                                                        \
  } while (0)

/* Syncs; what was remembered before it began is safe when it went well. */
#define SYNCING(fd, call)                                               \
  do {                                                                  \
    uint64_t before = 0;                                                \
    if (any_lose) {                                                     \
      pthread_mutex_lock(&lock);                                        \
      before = last_number;                                             \
      pthread_mutex_unlock(&lock);                                      \
    }                                                                   \
    int done = call, error = errno;                                     \
    if (any_lose && done == 0) forget(fd, before);                      \
    errno = error;                                                      \
    return done;                                                        \
  } while (0)

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
  CHANGING(fd, -1, data, length, 0, real(fd, data, length));
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
  REAL(ssize_t, pwrite64, (int, const void *, size_t, off64_t));
  REFUSE(WRITE, "pwrite", fd);
  CHANGING(fd, at, data, length, 0, real(fd, data, length, at));
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return pwrite64(fd, data, length, at); }

/* The parts of a vectored write in one piece, which whoever asked for it frees. */
static char *in_one_piece(const struct iovec *parts, int count, size_t *length) {
  *length = 0;
  for (int i = 0; i < count; i++) *length += parts[i].iov_len;
  char *whole = malloc(*length ? *length : 1), *at = whole;
  for (int i = 0; i < count; at += parts[i++].iov_len) memcpy(at, parts[i].iov_base, parts[i].iov_len);
  return whole;
}

static ssize_t changing(int fd, off_t at, const struct iovec *parts, int count, ssize_t (*real)(int, const struct iovec *, int, off64_t)) {
  size_t length;
  char *whole = in_one_piece(parts, count, &length);
  pthread_mutex_lock(&lock);
  remember(fd, at, whole, length, 0);
  ssize_t done = real(fd, parts, count, at);
  int error = errno;
  pthread_mutex_unlock(&lock);
  free(whole);
  errno = error;
  return done;
}

static ssize_t real_writev(int fd, const struct iovec *parts, int count, off64_t at) {
  (void)at;
  REAL(ssize_t, writev, (int, const struct iovec *, int));
  return real(fd, parts, count);
}

static ssize_t real_pwritev(int fd, const struct iovec *parts, int count, off64_t at) {
  REAL(ssize_t, pwritev64, (int, const struct iovec *, int, off64_t));
  return real(fd, parts, count, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REFUSE(WRITE, "writev", fd);
  return any_lose ? changing(fd, -1, parts, count, real_writev) : real_writev(fd, parts, count, 0);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  REFUSE(WRITE, "pwritev", fd);
  return any_lose ? changing(fd, at, parts, count, real_pwritev) : real_pwritev(fd, parts, count, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

int fsync(int fd) {
  REAL(int, fsync, (int));
  REFUSE(SYNC, "fsync", fd);
  SYNCING(fd, real(fd));
}

int fdatasync(int fd) {
  REAL(int, fdatasync, (int));
  REFUSE(SYNC, "fdatasync", fd);
  SYNCING(fd, real(fd));
}

int ftruncate64(int fd, off64_t length) {
  REAL(int, ftruncate64, (int, off64_t));
  REFUSE(TRUNCATE, "ftruncate", fd);
  CHANGING(fd, length, NULL, 0, 1, real(fd, length));
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
